/** 12. One command for a CI job: the branch decides, the key leaves no trace, and what went wrong is seen where people look. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { test } from "node:test";
import type { Running } from "../lab/inside.ts";
import { assertUnchanged, FLAKE, MAIN, Scene, skip, untilState } from "./scene.ts";

/** A deployer that is a runner: without keys, known hosts or settings of its own. */
class Runner {
  readonly #scene: Scene;
  readonly #env: Readonly<Record<string, string>>;
  readonly secret: string;

  constructor(scene: Scene) {
    const file = (name: string) => scene.deployer.path(`/root/.ssh/${name}`);
    const read = (name: string) => readFileSync(file(name), "utf8");
    this.#scene = scene;
    // As a form gives them: without their last newline.
    this.#env = {
      BUNGEE_SSH_KEY: read("id_ed25519").trim(),
      BUNGEE_KNOWN_HOSTS: read("known_hosts").trim(),
      GITHUB_ACTIONS: "true",
      GITHUB_REPOSITORY: "octo/fleet",
      GITHUB_RUN_ID: "42",
    };
    this.secret = read("id_ed25519").split("\n")[2]!;
    for (const name of ["id_ed25519", "id_ed25519.pub", "config"]) rmSync(file(name));
  }

  start(event: string, ref: string, env: Readonly<Record<string, string>> = {}, ...flags: string[]): Running {
    rmSync(this.#scene.deployer.path("/root/.ssh/known_hosts"), { force: true });
    for (const name of FILES) rmSync(this.#scene.deployer.path(name), { force: true });
    const files = { GITHUB_STEP_SUMMARY: FILES[0], GITHUB_OUTPUT: FILES[1] };
    return this.#scene.deployer.spawn(["node", MAIN, "ci", ...flags], {
      cwd: FLAKE,
      stdin: "",
      env: { ...this.#env, ...files, GITHUB_EVENT_NAME: event, GITHUB_REF: ref, ...env },
    });
  }

  async finish(running: Running) {
    const { code, stdout, stderr } = await running.result;
    const [summary = "", output = ""] = FILES.map((name) => this.#scene.deployer.path(name)).map((path) =>
      existsSync(path) ? readFileSync(path, "utf8") : "",
    );
    for (const text of [stdout, stderr, summary, output]) assert.ok(!text.includes(this.secret), "the key is printed");
    assert.equal(await this.#scene.deployer.output("ls -d /dev/shm/bungee-* /tmp/bungee-* 2>/dev/null | wc -l"), "0");
    const outputs = new Map(
      output
        .split("\n")
        .slice(0, -1)
        .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
    );
    return { code, stdout, stderr, summary, outputs };
  }

  push = (branch: string, ...flags: string[]) => this.finish(this.start("push", `refs/heads/${branch}`, {}, ...flags));
}

const FILES = ["/root/summary", "/root/output"] as const;
const OFF = { bungee: { enable: false } };

test("the branch decides what is done with which hosts", { skip }, async (t) => {
  await using scene = await Scene.open({ hosts: ["web1", "web2"] });
  const hosts = ["web1", "web2"].map((name) => scene.host(name));
  const version = (name: string) => scene.host(name).output("cat /run/app/version");
  const runner = new Runner(scene);
  /** Which hosts were really dealt with, by what the job was about. */
  const did = new Map<string, readonly string[]>();
  const told = (outputs: ReadonlyMap<string, string>): string[] =>
    ["confirmed", "staged"].flatMap((kind) => JSON.parse(outputs.get(kind)!)).sort();

  async function touchesNothing(work: () => Promise<void>): Promise<void> {
    const before = await Promise.all(hosts.map((host) => host.snapshot()));
    await work();
    const after = await Promise.all(hosts.map((host) => host.snapshot()));
    for (const [index, snapshot] of before.entries()) assertUnchanged(snapshot, after[index]!);
  }

  await t.test("main: every host that is enabled, for good", async () => {
    await scene.write({ web1: { version: "2" }, web2: { version: "2" }, off: { version: "2", ...OFF } });
    const { code, stdout, outputs, summary } = await runner.push("main");
    assert.equal(code, 0, stdout);
    for (const host of hosts) {
      const now = await host.triple();
      assert.deepEqual([now.profile, now.bootDefault], [now.running, now.running]);
      assert.equal(await host.output("cat /run/app/version"), "2");
      assert.match(await host.output("cat /var/lib/bungee/history"), /"ci:octo\/fleet:42"/);
    }
    assert.deepEqual(outputs.get("confirmed"), '["web1","web2"]');
    did.set("push refs/heads/main", told(outputs));
    assert.match(summary, /\| ✅ \| web1 \| confirmed \|/);
    assert.match(stdout, /main is the main branch: every host that is enabled gets it/);
  });

  await t.test("test-web1: that host alone, until a reset", async () => {
    await scene.write({ web1: { version: "3" }, web2: { version: "3" } });
    const before = await scene.host("web1").triple();
    const { code, stdout, outputs } = await runner.push("test-web1");
    assert.equal(code, 0, stdout);
    assert.equal(outputs.get("confirmed"), '["web1"]');
    did.set("push refs/heads/test-web1", told(outputs));
    assert.deepEqual([await version("web1"), await version("web2")], ["3", "2"]);
    await scene.host("web1").reset();
    await scene.host("web1").waitSsh();
    await scene.host("web1").output("systemctl is-system-running --wait || :");
    const { running, profile } = await scene.host("web1").triple();
    assert.deepEqual([running, profile], [before.running, before.profile]);
    assert.equal(await version("web1"), "2");
  });

  await t.test("test-wbe1: red, and no host is touched", async () => {
    await touchesNothing(async () => {
      const { code, stderr, stdout, outputs } = await runner.push("test-wbe1");
      assert.equal(code, 2);
      assert.match(stderr, /the branch test-wbe1 names no host: .* did you mean web1\?/);
      assert.match(stdout, /^::error title=bungee::the branch test-wbe1 names no host/m);
      assert.equal(outputs.get("exit-code"), "2");
    });
  });

  await t.test(
    "a feature's branch, and a request to merge into main: every host is built, and none is spoken to",
    async () => {
      // A host whose settings have it build its own system is built here.
      await scene.write({ web1: { version: "4", bungee: { build: "target" } }, web2: { version: "4" }, off: OFF });
      const request = { GITHUB_HEAD_REF: "main", GITHUB_BASE_REF: "main" };
      await touchesNothing(async () => {
        for (const [event, ref, env, ...flags] of [
          ["push", "refs/heads/feature/x", {}, "--action", "switch"],
          ["pull_request_target", "refs/heads/main", { ...request, BUNGEE_SSH_KEY: "" }],
        ] as const) {
          const { code, stdout, outputs } = await runner.finish(runner.start(event, ref, env, ...flags));
          assert.equal(code, 0, stdout);
          assert.deepEqual(JSON.parse(outputs.get("staged")!).toSorted(), ["off", "web1", "web2"]);
          did.set(`${event} ${ref}`, told(outputs));
          assert.doesNotMatch(stdout, /connecting/);
        }
      });
    },
  );

  await t.test("without a key to know a host by: red, and no host is touched", async () => {
    await touchesNothing(async () => {
      const known = "web1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEu8B0vTEwVtr5zjUQAo4PlvSHbpmhL9Y3rUUj1MC8BY";
      const { code, stderr } = await runner.finish(
        runner.start("push", "refs/heads/main", { BUNGEE_KNOWN_HOSTS: known }),
      );
      assert.equal(code, 2);
      assert.match(stderr, /no host key is known of web2: nothing was sent to any host/);
    });
  });

  await t.test("--explain says all that, and does nothing", async () => {
    await touchesNothing(async () => {
      assert.equal(did.size, 4);
      for (const [job, hosts] of did) {
        const [event = "", ref = ""] = job.split(" ");
        const { code, stdout, outputs } = await runner.finish(runner.start(event, ref, {}, "--explain", "--json"));
        assert.equal(code, 0, job);
        const said = JSON.parse(stdout);
        assert.deepEqual([...said.hosts].sort(), hosts, job);
        assert.deepEqual(JSON.parse(outputs.get("hosts")!), said.hosts, job);
        assert.deepEqual([outputs.get("action"), outputs.get("reboot")], [said.action, said.reboot], job);
      }
    });
  });

  await t.test("a host that goes back makes it red, and the other one is deployed", async () => {
    await scene.write({ web1: { version: "5" }, web2: { version: "5", behaviour: "cuts-network" } });
    const before = await scene.host("web2").triple();
    const { code, stdout, summary, outputs } = await runner.push("main");
    assert.equal(code, 1, stdout);
    assert.match(stdout, /^::error title=web2 rolled back::/m);
    assert.match(summary, /\| ❌ \| web2 \| rolled back \|.*\| .*firewall.* \|/);
    assert.deepEqual([outputs.get("rolled-back"), outputs.get("deployed")], ['["web2"]', '["web1"]']);
    assert.deepEqual(await scene.host("web2").triple(), before);
    assert.equal(await version("web1"), "5");
  });
});

test("two pushes at once: the second waits for the first, and says for whom; a job that is ended leaves no key", {
  skip,
}, async () => {
  await using scene = await Scene.open({ hosts: ["web1"] });
  const host = scene.host("web1");
  const runner = new Runner(scene);
  const gate = "until [ -e /run/go-on ]; do sleep 0.1; done";
  await scene.write({ web1: { version: "2", config: { system: { activationScripts: { gate } } } } });
  const first = runner.start("push", "refs/heads/main");
  await untilState(host, "activating");
  await scene.write({ web1: { version: "3" } });
  const second = runner.start(
    "push",
    "refs/heads/main",
    { GITHUB_RUN_ID: "43" },
    "--lock-wait",
    "600",
    "--report",
    "lines",
  );
  await heard(second, /waits for at most \d+ s: ci:octo\/fleet:42 holds this host/);
  // The lock is the first one's; ended like this, nothing of the third is on the host.
  const third = runner.start("push", "refs/heads/main", {}, "--lock-wait", "600", "--report", "lines");
  await heard(third, /waits for at most/);
  assert.equal(
    await scene.deployer.output("cat /dev/shm/bungee-*/key /tmp/bungee-*/key 2>/dev/null | grep -c BEGIN"),
    "3",
  );
  await third.kill("SIGTERM");
  assert.equal((await third.result).code, 130);
  assert.equal(
    await scene.deployer.output("cat /dev/shm/bungee-*/key /tmp/bungee-*/key 2>/dev/null | grep -c BEGIN"),
    "2",
  );
  await host.output("touch /run/go-on");
  assert.equal((await first.result).code, 0);
  const { code, stdout } = await runner.finish(second);
  assert.equal(code, 0, stdout);
  assert.equal(await host.output("cat /run/app/version"), "3");
});

/** Waits until a process has printed it. */
function heard(running: Running, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = "";
    running.child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk;
      if (pattern.test(text)) resolve();
    });
    running.child.once("exit", () => reject(new Error(`it ended without it:\n${text}`)));
  });
}
