/** src/activator/metrics.sh under a plain sh, against trees that look like hosts; and nix/metrics.nix, which runs it. */
import assert from "node:assert/strict";
import { lutimesSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { parseMetrics } from "../../src/activator/metrics.ts";
import { script, Tree } from "./host-tree.ts";

const checkout = join(import.meta.dirname, "..", "..");
const STATES = ["committed", "rolled-back", "rollback-failed", "kept", "cancelled"];

/** A host with one system, which it runs and boots. */
function settled(test: TestContext): Tree {
  const tree = new Tree(test);
  tree.system("a");
  return tree.host({ generations: ["a"], profile: 1, current: "a", booted: "a" });
}

const generations = (of: Map<string, string>) =>
  ["current", "boot", "booted"].map((which) => Number(of.get(`nixos_${which}_generation`)));

describe("the metrics of a host", () => {
  it("are equal generations after a switch, and 0 for a test that is in no generation", (test) => {
    const tree = new Tree(test);
    for (const name of ["a", "b", "c"]) tree.system(name);
    tree.host({ generations: ["a", "b"], profile: 2, current: "b", booted: "a" });
    assert.deepEqual(generations(tree.metrics()), [2, 2, 1]);
    tree.host({ generations: ["a", "b"], profile: 2, current: "c", booted: "b" });
    assert.deepEqual(generations(tree.metrics()), [0, 2, 2]);
    tree.host({ generations: ["a", "b", "c"], profile: 3, current: "b", booted: "b" });
    assert.deepEqual(generations(tree.metrics()), [2, 3, 2]);
  });

  it("take the generation of the profile where one system is several", (test) => {
    const tree = new Tree(test);
    for (const name of ["a", "b"]) tree.system(name);
    tree.host({ generations: ["a", "b", "a", "b"], profile: 1, current: "a", booted: "b" });
    assert.deepEqual(generations(tree.metrics()), [1, 1, 4]);
  });

  it("count beyond nine, and without a profile", (test) => {
    const tree = new Tree(test);
    for (const name of ["a", "b"]) tree.system(name);
    const many = Array.from({ length: 10 }, () => "b");
    tree.host({ generations: [...many, "a"], profile: 11, current: "a", booted: "b" });
    assert.deepEqual(generations(tree.metrics()), [11, 11, 10]);
    rmSync(join(tree.root, "nix/var/nix/profiles"), { recursive: true });
    assert.deepEqual(generations(tree.metrics()), [0, 0, 0]);
  });

  it("want a reboot where the next boot has another kernel, and only there", (test) => {
    const tree = new Tree(test);
    for (const name of ["a", "b"]) tree.system(name, "6.6");
    tree.system("c", "6.12");
    const wanted = () => tree.metrics().get("nixos_reboot_required");
    tree.host({ generations: ["a", "b"], profile: 2, current: "b", booted: "a" });
    assert.equal(wanted(), "0");
    tree.host({ generations: ["a", "c"], profile: 2, current: "c", booted: "a" });
    assert.equal(wanted(), "1");
    tree.host({ generations: ["a", "c"], profile: 2, current: "a", booted: "a" });
    assert.equal(wanted(), "1", "also when it is not live yet");
    tree.host({ generations: ["a", "c"], profile: 1, current: "c", booted: "a" });
    assert.equal(wanted(), "0", "a reboot would end the test");
    for (const part of ["kernel", "initrd", "kernel-modules"]) {
      tree.system("d", "6.6");
      tree.link(`nix/store/d/${part}`, join(tree.root, `nix/store/${part}-6.12`));
      tree.host({ generations: ["a", "d"], profile: 2, current: "d", booted: "a" });
      assert.equal(wanted(), "1", part);
    }
  });

  it("say when the running system was activated, by the link's own time", (test) => {
    const tree = settled(test);
    const now = Math.floor(Date.now() / 1000);
    lutimesSync(join(tree.root, "run/current-system"), now - 5000, now - 5000);
    const metrics = tree.metrics();
    assert.equal(metrics.get("nixos_activation_timestamp_seconds"), String(now - 5000));
    const age = Number(metrics.get("nixos_config_age_seconds"));
    assert.ok(age >= 5000 && age < 5600, String(age));
    lutimesSync(join(tree.root, "run/current-system"), now + 90_000, now + 90_000);
    assert.equal(tree.metrics().get("nixos_config_age_seconds"), "0", "the clock was set back");
  });

  it("know nothing of a last run where there was none, and no lock", (test) => {
    const tree = settled(test);
    const metrics = tree.metrics();
    assert.deepEqual(
      [...metrics.keys()].filter((name) => name.startsWith("bungee")),
      ["bungee_lock_held", "bungee_lock_age_seconds"],
    );
    assert.deepEqual([metrics.get("bungee_lock_held"), metrics.get("bungee_lock_age_seconds")], ["0", "0"]);
    assert.equal(statSync(join(tree.root, "var"), { throwIfNoEntry: false }), undefined, "nothing was made");
  });

  const line = (state: string, ended: string, of: { actor?: string; profile?: string; user?: string } = {}) => {
    const { actor = "eve", ...profile } = of;
    const run = { run: "r1", ended, began: "2026-01-01T00:00:00Z", action: "switch", release: "/nix/store/a" };
    return `${JSON.stringify({ ...run, state, why: null, actor, ...profile })}\n`;
  };
  const timestamp = (ended: string) => String(Date.parse(ended) / 1000);
  /** Of each profile that was ever deployed, and of the system: how its last run ended, and when. */
  const lastRuns = (tree: Tree) => {
    const runs: Record<string, readonly (string | undefined)[]> = {};
    const metrics = tree.metrics();
    for (const [series, value] of metrics) {
      const [, of, state = ""] = /^bungee_last_run_state\{(.*),action="switch",state="(.*)"\}$/.exec(series) ?? [];
      if (of === undefined) continue;
      const time = metrics.get(`bungee_last_run_timestamp_seconds{${of}}`);
      if (value === "1") runs[of] = [state, time];
      else assert.deepEqual([value, STATES.includes(state)], ["0", true], series);
    }
    assert.equal([...metrics.keys()].filter((series) => /last_run_state/.test(series)).length % STATES.length, 0);
    return runs;
  };

  it("tell how the last run ended, whoever it says it was", (test) => {
    const tree = settled(test);
    const first = line("rolled-back", "2026-01-02T03:04:05Z");
    const actor = `eve","state":"cancelled","ended":"1999-01-01T00:00:00Z","profile":"p","user":"u"}`;
    for (const state of STATES) {
      tree.write("var/lib/bungee/history", first + line(state, "2026-02-03T04:05:06Z", { actor }));
      assert.deepEqual(lastRuns(tree), { 'profile="",user=""': [state, timestamp("2026-02-03T04:05:06Z")] });
    }
    const blog = line("kept", "2026-01-01T00:00:00Z", { profile: "blog", user: "alice" });
    const before = {
      'profile="",user=""': ["rolled-back", timestamp("2026-01-02T03:04:05Z")],
      'profile="blog",user="alice"': ["kept", timestamp("2026-01-01T00:00:00Z")],
    };
    const halves = ['{"run":"r2"', '"ended":"2026-03-03T04:05:06Z","state":"committed"', '"profile":"p","user":"u"'];
    for (const half of halves.map((_, index) => halves.slice(0, index + 1).join(","))) {
      tree.write("var/lib/bungee/history", first + blog + half);
      assert.deepEqual(lastRuns(tree), before, "half a line is none");
      tree.write("var/lib/bungee/history", blog + half + first);
      assert.deepEqual(lastRuns(tree), before, "and takes none with it");
    }
  });

  it("tell how the last run of the system ended and that of each profile, whichever came after it", (test) => {
    const tree = settled(test);
    const blog = { profile: "blog", user: "alice" };
    tree.write(
      "var/lib/bungee/history",
      [
        line("committed", "2026-01-01T00:00:00Z"),
        line("rolled-back", "2026-01-02T00:00:00Z", { profile: "blog", user: "root" }),
        line("rolled-back", "2026-01-03T00:00:00Z"),
        line("rolled-back", "2026-01-04T00:00:00Z", blog),
        line("kept", "2026-01-05T00:00:00Z", { profile: "Site", user: "alice" }),
        line("committed", "2026-01-06T00:00:00Z", blog),
      ].join(""),
    );
    assert.deepEqual(lastRuns(tree), {
      'profile="",user=""': ["rolled-back", timestamp("2026-01-03T00:00:00Z")],
      'profile="Site",user="alice"': ["kept", timestamp("2026-01-05T00:00:00Z")],
      'profile="blog",user="alice"': ["committed", timestamp("2026-01-06T00:00:00Z")],
      'profile="blog",user="root"': ["rolled-back", timestamp("2026-01-02T00:00:00Z")],
    });
    const read = parseMetrics(`# BEGIN\n${readFileSync(tree.file, "utf8")}# EOF\n`) ?? [];
    const told = read.filter(({ name }) => name.startsWith("bungee_last_run_"));
    assert.equal(told.length, 4 * (STATES.length + 1), "and the deployer reads each of them");

    tree.write("var/lib/bungee/history", line("committed", "2026-01-01T00:00:00Z", blog));
    assert.deepEqual(Object.keys(lastRuns(tree)), ['profile="blog",user="alice"'], "and no run that never was");
  });

  it("tell how long a run has held the host", (test) => {
    const tree = settled(test);
    tree.write("var/lib/bungee/runs/r1/began", `${new Date(Date.now() - 3_600_000).toISOString().slice(0, 19)}Z\n`);
    tree.link("var/lib/bungee/current", "runs/r1");
    const metrics = tree.metrics();
    assert.equal(metrics.get("bungee_lock_held"), "1");
    const age = Number(metrics.get("bungee_lock_age_seconds"));
    assert.ok(age >= 3600 && age < 4200, String(age));
    tree.write("var/lib/bungee/runs/r1/began", "\n");
    assert.equal(tree.metrics().get("bungee_lock_age_seconds"), "0", "no time is not midnight");
  });

  it("have their label values escaped", (test) => {
    const tree = new Tree(test, `we"b\\1`);
    tree.system("a");
    tree.write("nix/store/a/nixos-version", `24.05 "Uakari"\n{x="y"}\\`);
    tree.host({ generations: ["a"], profile: 1, current: "a", booted: "a" }).metrics();
    const text = readFileSync(tree.file, "utf8");
    assert.match(text, /^nixos_current_generation\{host="we\\"b\\\\1"\} 1$/m);
    assert.match(
      text,
      /^nixos_system_info\{host=".*",version="24\.05 \\"Uakari\\"\{x=\\"y\\"\}\\\\",kernel="[^"]+",system="[^"]*\/nix\/store\/a"\} 1$/m,
    );
  });

  it("are all in nixos-modules.md", () => {
    const names = [...readFileSync(script, "utf8").matchAll(/^ +(?:gauge|metric) (\w+) /gm)].map(([, name]) => name);
    assert.equal(new Set(names).size, 11);
    const text = readFileSync(join(checkout, "docs/nixos-modules.md"), "utf8");
    for (const name of names) assert.ok(text.includes(`\n| \`${name}\` |`), name);
  });

  it("are one file that everybody may read, and that is whole or as it was", (test) => {
    const tree = settled(test);
    assert.equal(tree.run("umask 077;").status, 0);
    assert.equal(statSync(tree.file).mode & 0o777, 0o644);
    assert.equal(statSync(dirname(tree.file)).mode & 0o777, 0o755);
    writeFileSync(tree.file, "as it was\n");
    // As on a full disk: no file can be longer than a block.
    const full = tree.run("trap '' XFSZ; ulimit -f 1;");
    assert.notEqual(full.status, 0);
    assert.equal(readFileSync(tree.file, "utf8"), "as it was\n");
    assert.deepEqual(readdirSync(dirname(tree.file)), ["bungee.prom"]);
  });
});
