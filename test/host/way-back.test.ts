/** The way back where the recorded system cannot be activated again: by a reboot, if the host may; and said, if it may not. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { SCRIPT } from "../../src/activator/script.ts";
import { skip, untilState } from "../e2e/scene.ts";
import { releases } from "../lab/rootfs.ts";
import { Runs, TOKEN } from "./runs.ts";

describe("a recorded system that cannot be activated again", { skip, concurrency: true }, () => {
  for (const release of releases)
    describe(`on ${release}`, { concurrency: 1 }, () => {
      let runs: Runs;
      let fine: string;

      before(async () => {
        runs = await Runs.open(release);
        // Refuses to be switched to as soon as the test says so; neither the way to `fine` nor a boot asks it.
        const preSwitchChecks = { stubborn: "[ ! -e /run/stubborn ]" };
        const stubborn = await runs.scene.deliver("web1", { version: "s", config: { system: { preSwitchChecks } } });
        await runs.commit(runs.request(stubborn, { confirmationTimeout: 30 }));
        fine = await runs.scene.deliver("web1", { version: "2" });
      });
      after(() => runs?.[Symbol.asyncDispose]());

      test("is booted instead, and the run closes itself after that", async () => {
        const { host, activator } = runs;
        const before = await host.triple();
        const boots = host.boots;
        await host.output(": >/run/stubborn");
        const { run } = await activator.begin(runs.request(fine));
        while (host.boots === boots) await pause(50);
        await host.waitSsh();
        assert.deepEqual(await host.triple(), { ...before, booted: before.running });
        await runs.nothingLeft();
        const closed = await activator.status(run);
        assert.deepEqual([closed.state, closed.why], ["rolled-back", "unconfirmed"]);
      });

      test("stays out of reach on a host that may not be rebooted, which is said", async () => {
        const { host, activator } = runs;
        const [before, boots] = [await host.triple(), host.boots];
        await host.output(": >/run/stubborn");
        const begun = await activator.begin(runs.request(fine, { mayReboot: false }));
        const ended = await runs.follow(begun);
        assert.deepEqual([ended.state, ended.why], ["rollback-failed", "unconfirmed"]);
        assert.match(ended.message ?? "", /needs a reboot, which this host is not allowed/);
        assert.equal(host.boots, boots);
        assert.deepEqual(await host.triple(), { ...before, running: fine });
        await runs.nothingLeft();
        await host.output("rm /run/stubborn");
      });
    });
});

test("a boot menu that a full disk keeps from being set back is set back when there is room", { skip }, async () => {
  await using runs = await Runs.open("trixie");
  const { scene, host, activator } = runs;
  const fails = ": >/run/menu-written; until [ -e /run/go-on ]; do sleep 0.1; done; exit 1";
  const config = { standin: { faults: { "boot-loader-done": fails } } };
  const release = await scene.deliver("web1", { version: "2", config });
  const before = await host.triple();
  const begun = await activator.begin(runs.request(release, { action: "boot" }));
  await host.output("until [ -e /run/menu-written ]; do sleep 0.05; done");
  assert.equal(host.bootDefault(), release);
  await host.fillDisk(0);
  await host.output(": >/run/go-on");
  await untilState(host, "rolling-back");
  // It has tried, and could not.
  await pause(5000);
  assert.equal(host.bootDefault(), release);
  await host.freeDisk();
  const ended = await runs.follow(begun);
  assert.deepEqual([ended.state, ended.why], ["rolled-back", "boot-step"]);
  assert.deepEqual(await host.triple(), before);
  await runs.nothingLeft();
});

test("a commit does not wait for ever for a garbage collection that hangs: the host goes back", {
  skip,
}, async () => {
  await using runs = await Runs.open("trixie");
  const { scene, host, activator } = runs;
  const release = await scene.deliver("web1", { version: "2" });
  // The same, in less of a test's time.
  await host.output(["sh", "-c", "cat >/root/impatient"], { stdin: SCRIPT.replace(/^AT_LEAST=300$/m, "AT_LEAST=10") });
  const before = await host.triple();
  const begin = ["sh", "/root/impatient", "begin", "run-1", "action=switch", `release=${release}`];
  await host.output([...begin, "confirmation-timeout=60"], { stdin: TOKEN });
  await untilState(host, "awaiting-confirmation");
  await host.output("systemd-run --quiet --unit=holder flock /nix/var/nix/gc.lock sleep infinity");
  const confirmed = await activator.confirm("run-1", TOKEN);
  const ended = await runs.follow(confirmed);
  assert.deepEqual([ended.state, ended.why], ["rolled-back", "profile"]);
  assert.deepEqual(await host.triple(), before);
  await host.output("systemctl stop holder");
  await runs.nothingLeft();
});
