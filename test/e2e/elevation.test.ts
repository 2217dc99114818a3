/** Becoming root: with a password that is asked for once, before the build, and is found nowhere afterwards; by doas; by run0. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Event } from "../../src/run/events.ts";
import type { Outcome } from "../../src/run/outcome.ts";
import type { Host } from "../lab/host.ts";
import type { Running } from "../lab/inside.ts";
import type { Workstation } from "../lab/workstation.ts";
import { assertUnchanged, eventsOf, FLAKE, MAIN, Scene, skip } from "./scene.ts";

/** Nothing else on the machines looks like it. */
const PASSWORD = "hunter-4711-correct-horse";
const alice = { user: "alice", identityFile: "~/.ssh/alice" };

const setPassword = (host: Host, password = PASSWORD) => host.output(["chpasswd"], { stdin: `alice:${password}\n` });

/** bungee as a person runs it: at a terminal of its own. Its report goes to a file, as of a program that watches. */
class AtTerminal {
  readonly #running: Running;
  readonly #scene: Scene;
  readonly #report: string;

  constructor(scene: Scene, report: string, ...words: string[]) {
    this.#scene = scene;
    this.#report = report;
    const line = `node ${MAIN} deploy ${words.join(" ")} >${report}`;
    this.#running = scene.deployer.spawn(["script", "--quiet", "--return", "--flush", "--command", line, "/dev/null"], {
      cwd: FLAKE,
    });
  }

  /** What stands on the screen: questions, errors, and what the terminal echoes. */
  get screen(): string {
    return this.#running.stdout;
  }

  get report(): string {
    return readFileSync(this.#scene.deployer.path(this.#report), "utf8");
  }

  async until(text: string, times = 1): Promise<void> {
    const seen = () => this.screen.split(text).length > times;
    for (let n = 0; n < 1200 && !seen() && this.#running.alive; n++) await pause(50);
    assert.ok(seen(), `no ${text} on the screen: ${this.screen}`);
  }

  type(text: string): void {
    this.#running.child.stdin?.write(text);
  }

  async end(): Promise<{ code: number; events: Event[]; outcomes: Readonly<Record<string, Outcome>> }> {
    // A question that nobody expected would wait for ever.
    const patience = setTimeout(() => void this.#running.kill(), 180_000);
    const { code } = await this.#running.result;
    clearTimeout(patience);
    const events = this.report.startsWith("{") ? eventsOf(this.report) : [];
    const last = events.findLast((event) => event.type === "deployment-finished");
    return { code, events, outcomes: last?.outcomes ?? {} };
  }
}

/** Looks at the arguments and the environment of all processes of a machine, again and again. */
async function watch(machine: Host | Workstation): Promise<() => Promise<string>> {
  const look =
    "while :; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; sleep 0.03; done";
  const watching = await machine.spawn(["sh", "-c", look]);
  return async () => {
    await watching.kill();
    return (await watching.result).stdout;
  };
}

/** All that a machine has written and not forgotten. /proc holds the memory of running processes, /sys nothing of ours. */
const everything = (machine: Host | Workstation) =>
  machine.output(
    `{ journalctl --output=cat --all 2>/dev/null; find /etc /home /root /run /tmp /var /nix/var -xdev -type f -exec cat {} +; } |
     grep --count --text --fixed-strings ${PASSWORD} || true`,
  );

describe("P18: a password for becoming root", { skip }, () => {
  test("is asked for once for two hosts, before the build, and is found nowhere during or after", async () => {
    await using scene = await Scene.open({ hosts: ["web1", "web2"] });
    const machines = [scene.host("web1"), scene.host("web2"), scene.deployer];
    await Promise.all([scene.host("web1"), scene.host("web2")].map((host) => setPassword(host)));
    await scene.write({ web1: { version: "2", bungee: alice }, web2: { version: "2", bungee: alice } });
    const watches = await Promise.all(machines.map(watch));

    const bungee = new AtTerminal(scene, "/root/report.json", "--all", "--yes", "--verbose", "--report", "json");
    await bungee.until("Password of alice");
    assert.doesNotMatch(bungee.report, /"stage":"build"/, "it was asked for before anything was built");
    bungee.type(`${PASSWORD}\r`);
    const { code, outcomes } = await bungee.end();
    assert.equal(code, 0, bungee.screen + bungee.report);
    assert.deepEqual(
      Object.values(outcomes).map(({ kind }) => kind),
      ["confirmed", "confirmed"],
    );
    assert.equal(bungee.screen.split("Password of alice").length, 2, bungee.screen);

    const seen = await Promise.all(watches.map((stop) => stop()));
    assert.ok(
      seen.every((text) => text.includes("nix")),
      "what runs was seen",
    );
    assert.ok(seen[0]!.includes("sudo\n-k\n-S\n-p\n"), "sudo was seen");
    for (const text of [...seen, bungee.screen, bungee.report]) assert.ok(!text.includes(PASSWORD));
    assert.deepEqual(await Promise.all(machines.map(everything)), ["0", "0", "0"]);
    await scene.deployer.output(["sh", "-c", `echo ${PASSWORD} >/tmp/there`]);
    assert.equal(await everything(scene.deployer), "1", "the search finds what is there");
  });

  test("that is wrong is asked for again, and then fails the host before anything is built or touched", async () => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    const host = scene.host("web1");
    await scene.write({ web1: { version: "2", bungee: alice } });
    const before = await host.snapshot();
    const bungee = new AtTerminal(scene, "/root/report.json", "web1", "--yes", "--report", "json");
    for (let n = 1; n <= 3; n++) {
      await bungee.until("Password of alice", n);
      bungee.type(`wrong-${n}\r`);
    }
    const { code, outcomes, events } = await bungee.end();
    const { web1 } = outcomes;
    assert.equal(code, 1, bungee.screen);
    assert.ok(web1?.kind === "failed" && web1.why.code === "elevation", JSON.stringify(web1));
    assert.match(web1.why.message, /^web1 does not take the password of alice/);
    assert.doesNotMatch(bungee.screen + bungee.report, /wrong-\d/);
    assert.ok(!events.some((event) => event.type === "stage-started" && event.stage === "build"));
    assertUnchanged(before, await host.snapshot());
  });

  test("that the first answer had wrong is right at the second: one host saw the slip, the other did not", async () => {
    await using scene = await Scene.open({ hosts: ["web1", "web2"] });
    await scene.write({ web1: { version: "2", bungee: alice }, web2: { version: "2", bungee: alice } });
    const bungee = new AtTerminal(scene, "/root/report.json", "--all", "--yes", "--report", "json");
    await bungee.until("Password of alice");
    bungee.type("slip\r");
    await bungee.until("Password of alice", 2);
    bungee.type("secret\r");
    const { code } = await bungee.end();
    assert.equal(code, 0, bungee.screen + bungee.report);
    const failures = (name: string) =>
      scene
        .host(name)
        .output("journalctl --output=cat | grep -c 'pam_unix(sudo:auth): authentication failure' || true");
    assert.deepEqual((await Promise.all([failures("web1"), failures("web2")])).sort(), ["0", "1"]);
  });

  test("that nobody gives is an interruption: nothing was started", async () => {
    await using scene = await Scene.open({ hosts: ["web1", "web2"] });
    await scene.write({ web1: { version: "2", bungee: alice }, web2: { version: "2", bungee: alice } });
    const before = await scene.host("web1").snapshot();
    const bungee = new AtTerminal(scene, "/root/report.json", "--all", "--yes", "--report", "json");
    await bungee.until("Password of alice");
    bungee.type("\x03");
    const { code, outcomes, events } = await bungee.end();
    assert.equal(code, 130, bungee.screen + bungee.report);
    assert.deepEqual(
      Object.values(outcomes).map(({ kind }) => kind),
      ["skipped", "skipped"],
      JSON.stringify(outcomes),
    );
    assert.equal(bungee.screen.split("Password of alice").length, 2, "once is enough");
    assert.ok(!events.some((event) => event.type === "stage-started" && event.stage === "build"));
    assertUnchanged(before, await scene.host("web1").snapshot());
  });

  test("is not asked for, nor read, where sudo does not ask", async () => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    await scene.write({ web1: { version: "2", bungee: { user: "deploy", identityFile: "~/.ssh/deploy" } } });
    // Whoever reads it waits for ever: nobody writes.
    await scene.deployer.output(["mkfifo", "-m", "600", "/root/password"]);
    const line = `BUNGEE_SUDO_PASSWORD_FILE=/root/password node ${MAIN} deploy web1 --report json`;
    const { code, stdout } = await scene.deployer.run(line, { cwd: FLAKE });
    assert.equal(code, 0, stdout);
    assert.equal(await scene.host("web1").output("cat /run/app/version"), "2");
  });

  test("may come from a file where there is no terminal; a wrong one is sent to a host once", async () => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    const host = scene.host("web1");
    await scene.write({ web1: { version: "2", bungee: alice } });
    const deploy = async (content: string, mode: number) => {
      const file = scene.deployer.path("/root/password");
      rmSync(file, { force: true });
      writeFileSync(file, content, { mode });
      const line = `BUNGEE_SUDO_PASSWORD_FILE=/root/password node ${MAIN} deploy web1 --report json`;
      const { code, stdout } = await scene.deployer.run(line, { cwd: FLAKE });
      const finished = eventsOf(stdout).findLast((event) => event.type === "deployment-finished");
      return { code, stdout, outcome: finished?.outcomes.web1 };
    };
    const wrong = await deploy("wrong-1\n", 0o600);
    assert.ok(wrong.outcome?.kind === "failed" && wrong.outcome.why.code === "elevation", wrong.stdout);
    assert.match(wrong.outcome.why.message, /does not take the password of alice/);
    assert.doesNotMatch(wrong.stdout, /wrong-1|"stage":"build"/);
    const open = await deploy("secret\n", 0o644);
    assert.ok(open.outcome?.kind === "failed" && open.outcome.why.code === "configuration", open.stdout);
    assert.match(open.outcome.why.message, /\/root\/password can be read by others/);
    const right = await deploy("secret\n", 0o600);
    assert.equal(right.code, 0, right.stdout);
    assert.equal(await host.output("cat /run/app/version"), "2");
  });
});

test("the passphrase of a key is asked for once for two hosts, before the build, and is found nowhere", {
  skip,
}, async () => {
  await using scene = await Scene.open({ hosts: ["web1", "web2"] });
  await scene.deployer.output(["ssh-keygen", "-q", "-p", "-N", PASSWORD, "-f", "/root/.ssh/deploy"]);
  const deploy = { user: "deploy", identityFile: "~/.ssh/deploy" };
  await scene.write({ web1: { version: "2", bungee: deploy }, web2: { version: "2", bungee: deploy } });

  const alone = await scene.deploy("web1");
  assert.equal(alone.code, 1);
  const { web1 } = alone.outcomes;
  assert.ok(web1?.kind === "failed" && web1.why.code === "login", alone.stdout);
  assert.match(web1.why.detail ?? "", /deploy: has a passphrase, and is not in the agent/);

  const stop = await watch(scene.deployer);
  const bungee = new AtTerminal(scene, "/root/report.json", "--all", "--yes", "--report", "json");
  await bungee.until("Passphrase of /root/.ssh/deploy");
  assert.doesNotMatch(bungee.report, /"stage":"build"/, "it was asked for before anything was built");
  bungee.type(`${PASSWORD}\r`);
  const { code } = await bungee.end();
  assert.equal(code, 0, bungee.screen + bungee.report);
  assert.equal(bungee.screen.split("Passphrase of").length, 2, bungee.screen);
  for (const text of [await stop(), bungee.screen, bungee.report]) assert.ok(!text.includes(PASSWORD));
  assert.equal(await everything(scene.deployer), "0");
});

for (const hostRelease of ["bookworm", "trixie"] as const) {
  test(`by doas, where there is no sudo: ${hostRelease}`, { skip }, async () => {
    await using scene = await Scene.open({ hosts: ["web1", "web2"], hostRelease });
    const hosts = [scene.host("web1"), scene.host("web2")];
    for (const host of hosts) await host.output("rm /usr/bin/sudo; echo permit nopass deploy >/etc/doas.conf");
    await hosts[1]!.output("echo permit deploy >/etc/doas.conf");
    const deploy = { user: "deploy", identityFile: "~/.ssh/deploy" };
    await scene.write({ web1: { version: "2", bungee: deploy }, web2: { version: "2", bungee: deploy } });
    const { code, outcomes, stdout } = await scene.deploy("--all");
    assert.equal(code, 1, stdout);
    assert.equal(outcomes.web1?.kind, "confirmed", stdout);
    assert.equal(await hosts[0]!.output("cat /run/app/version"), "2");
    const { web2 } = outcomes;
    assert.ok(web2?.kind === "failed" && web2.why.code === "elevation", JSON.stringify(web2));
    assert.match(web2.why.mend, /permit nopass deploy/);
    assert.match(web2.why.detail ?? "", /doas: Authentication required/);
  });
}

test("by run0, where a polkit rule lets it", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1", "web2"], hostRelease: "trixie" });
  const rule = `polkit.addRule(function (action, subject) {
    if (action.id == "org.freedesktop.systemd1.manage-units" && subject.user == "deploy") return polkit.Result.YES;
  });`;
  const deploy = { user: "deploy", identityFile: "~/.ssh/deploy" };
  await scene.host("web1").output(["tee", "/etc/polkit-1/rules.d/10-deploy.rules"], { stdin: rule });
  await scene.host("web1").output("rm /usr/bin/sudo");
  await scene.write({
    web1: { version: "2", bungee: deploy },
    web2: { version: "2", bungee: { ...deploy, elevation: "run0" } },
  });
  const { code, outcomes, stdout } = await scene.deploy("--all");
  assert.equal(code, 1, stdout);
  assert.equal(outcomes.web1?.kind, "confirmed", stdout);
  assert.equal(await scene.host("web1").output("cat /run/app/version"), "2");
  const { web2 } = outcomes;
  assert.ok(web2?.kind === "failed" && web2.why.code === "elevation", JSON.stringify(web2));
  assert.match(web2.why.mend, /polkit rule/);
  const left = await scene.host("web1").output("systemctl list-units --all --no-legend 'run-p*'");
  assert.equal(left, "", "no unit of run0 is left behind");
});
