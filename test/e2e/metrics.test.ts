/** `bungee metrics`: what hosts say of themselves, whatever they are in the middle of, and the same over HTTP. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Host } from "../lab/host.ts";
import { readExposition } from "../unit/report/exposition.ts";
import { MAIN, Scene, skip, untilState } from "./scene.ts";

const SCRIPT = readFileSync(join(import.meta.dirname, "..", "..", "src/activator/metrics.sh"), "utf8");
const NAMES = ["web1", "web2", "web3", "web4"] as const;
const PATIENCE_MS = 180_000;

type Series = ReadonlyMap<string, number>;

describe("bungee metrics", { skip, concurrency: 1 }, () => {
  let scene: Scene;
  let hosts: readonly Host[];
  let deploying: ReturnType<Scene["start"]>;

  before(async () => {
    scene = await Scene.open({ hosts: NAMES, hostRelease: "trixie" });
    hosts = NAMES.map((name) => scene.host(name));
    const [, web2, web3, web4] = hosts as [Host, Host, Host, Host];
    await scene.write({
      web1: { version: "2" },
      web2: { version: "2" },
      web3: { version: "2", activationSeconds: 600, bungee: { activation: { timeout: 900 } } },
      web4: {},
    });
    // A test that a reboot would undo; a switch, and a reset after it; a run that takes long; a cable that is out.
    const [tested, switched] = await Promise.all([
      scene.deploy("web1", "--action", "test"),
      scene.deploy("web2", "--action", "switch"),
    ]);
    assert.deepEqual([tested.code, switched.code], [0, 0], tested.stdout + switched.stdout);
    await web2.reset();
    await web2.waitSsh();
    deploying = scene.start("deploy", "web3", "--report", "json");
    await untilState(web3, "activating");
    // From here on the switch waits for app.service, and nothing that is told of web3 changes.
    await web3.output(
      'for i in $(seq 1 1800); do [ "$(systemctl show --property=ActiveState --value app.service)" != activating ] || exit 0; sleep 0.1; done; exit 1',
    );
    await web4.cut("refuse");
  });
  after(async () => {
    await deploying?.kill("SIGKILL");
    await scene?.[Symbol.asyncDispose]();
  });

  const metrics = (...words: string[]) =>
    scene.deployer.run(["node", MAIN, "metrics", ...words], { cwd: "/root/fleet" });
  const at = (series: Series, name: string, node: string) => series.get(`${name}{host="${node}",node="${node}"}`);

  /** What a host's own exporter would say now, as bungee has it. */
  async function ownWords(host: Host): Promise<Series> {
    const text = await host.output("sh -s -- -", { stdin: SCRIPT });
    const told = text.split("\n").filter((line) => !/^# (BEGIN|EOF)$/.test(line));
    const named = told.map((line) => line.replace(/^(\w+\{)(.*\} \S+)$/, `$1node="${host.name}",$2`));
    return readExposition(`${named.join("\n")}\n`);
  }

  it("tells of each host what it would tell itself, and which of them do not answer", async () => {
    const { code, stdout, stderr } = await metrics();
    assert.equal(code, 1, "one is down");
    assert.match(stderr, /web4/);
    const series = readExposition(stdout);
    assert.deepEqual(
      NAMES.map((name) => at(series, "bungee_host_up", name)),
      [1, 1, 1, 0],
    );
    assert.ok(series.get("bungee_scrape_duration_seconds")! > 0);
    assert.ok(![...series.keys()].some((key) => key.startsWith("nixos_") && key.includes("web4")));

    for (const host of hosts.slice(0, 3)) {
      const own = await ownWords(host);
      assert.ok(own.size > 8);
      for (const [key, value] of own) {
        const told = series.get(key);
        // Seconds go by between the two.
        if (/_age_seconds/.test(key))
          assert.ok(told !== undefined && told <= value && value - told < 600, `${key}: ${told}, ${value}`);
        else assert.equal(told, value, key);
      }
      const ours = [...series.keys()].filter(
        (key) => key.includes(`"${host.name}"`) && !key.startsWith("bungee_host_"),
      );
      assert.deepEqual(new Set(ours), new Set(own.keys()));
    }
    const of = (name: string) => NAMES.slice(0, 3).map((node) => at(series, name, node));
    assert.deepEqual(of("nixos_current_generation"), [0, 2, 0], "what is not confirmed is no generation");
    assert.deepEqual(of("nixos_boot_generation"), [1, 2, 1]);
    assert.deepEqual(of("nixos_booted_generation").slice(1, 2), [2], "what was reset boots what was confirmed");
    assert.deepEqual(of("bungee_lock_held"), [0, 0, 1]);
    const last = 'action="test",host="web1",node="web1",profile="",state="committed",user=""';
    assert.equal(series.get(`bungee_last_run_state{${last}}`), 1);
    const [line] = stdout.split("\n").filter((each) => each.startsWith("# HELP nixos_boot_generation"));
    assert.ok(SCRIPT.includes(line!.replace("# HELP nixos_boot_generation ", "")));
  });

  it("asks the hosts that were chosen, and no other", async () => {
    const { code, stdout, stderr } = await metrics("web1", "web2");
    assert.equal(code, 0, stderr);
    const series = readExposition(stdout);
    assert.deepEqual(
      NAMES.map((name) => at(series, "bungee_host_up", name)),
      [1, 1, undefined, undefined],
    );
  });

  it("gives them out over HTTP, to this machine alone, with the last values of a host that is slow, until it is ended", async () => {
    const [web1, , , web4] = hosts as [Host, Host, Host, Host];
    const words = ["node", MAIN, "metrics", "--listen", "0", "--timeout", "3"];
    const running = scene.deployer.spawn(words, { cwd: "/root/fleet" });
    running.child.stdin?.end();
    const until = async <T>(what: string, met: () => Promise<T | undefined> | T | undefined): Promise<T> => {
      const end = Date.now() + PATIENCE_MS;
      for (;;) {
        const result = await met();
        if (result) return result;
        assert.ok(running.alive && Date.now() < end, `${what}: ${running.stderr}`);
        await pause(100);
      }
    };
    const url = await until("listens", () => /http:\S+/.exec(running.stderr)?.[0]);
    const scrape = async () => {
      const response = await fetch(url);
      assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
      return readExposition(await response.text());
    };
    const first = await until("the first values", async () => {
      const series = await scrape();
      return [1, 2, 3].every((n) => at(series, "bungee_host_up", `web${n}`) === 1) ? series : undefined;
    });
    assert.equal(at(first, "bungee_host_up", "web4"), 0);
    const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, "0");
    const sockets = readFileSync("/proc/net/tcp", "utf8")
      .split("\n")
      .filter((line) => line.includes(`:${port} `) && / 0A /.test(line));
    assert.deepEqual(
      sockets.map((line) => line.trim().split(/\s+/)[1]),
      [`0100007F:${port}`],
    );
    assert.equal((await fetch(new URL("/else", url))).status, 404);

    await web4.heal();
    await web1.cut("drop");
    const asked = (series: Series, node: string) => at(series, "bungee_host_asked_timestamp_seconds", node)!;
    let slow = await scrape();
    await until("a scrape that web1 missed", async () => {
      slow = await scrape();
      return asked(slow, "web1") < asked(slow, "web2");
    });
    assert.deepEqual([at(slow, "bungee_host_up", "web1"), at(slow, "nixos_boot_generation", "web1")], [1, 1]);
    await until("web4 is back", async () => at(await scrape(), "bungee_host_up", "web4") === 1);
    await until("web1 is given up", async () => {
      const series = await scrape();
      return at(series, "bungee_host_up", "web1") === 0 && at(series, "nixos_boot_generation", "web1") === undefined;
    });
    await web1.heal();
    await until("web1 is back", async () => at(await scrape(), "bungee_host_up", "web1") === 1);

    const taken = await metrics("--listen", new URL(url).port);
    assert.equal(taken.code, 2);
    assert.match(taken.stderr, /cannot listen on 127\.0\.0\.1 port \d+: something listens there already/);

    await running.kill("SIGTERM");
    const { code } = await running.result;
    assert.equal(code, 0, running.stderr);
    await assert.rejects(fetch(url));
  });
});
