/** The way back where the recorded system cannot be activated again: by a reboot, if the host may; and said, if it may not. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { skip, untilState } from "../e2e/scene.ts";
import { releases } from "../lab/rootfs.ts";
import { Runs } from "./runs.ts";

describe("a recorded system that cannot be activated again", { skip, concurrency: true }, () => {
  for (const release of releases)
    describe(`on ${release}`, { concurrency: 1 }, () => {
      let runs: Runs;
      let fine: string;

      before(async () => {
        runs = await Runs.open(release);
        // Refuses to be switched to as soon as the test says so; a boot does not ask it.
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
        const { run } = await activator.begin(runs.request(fine));
        await untilState(host, "awaiting-confirmation");
        await host.output(": >/run/stubborn");
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
        const begun = await activator.begin(runs.request(fine, { mayReboot: false }));
        await untilState(host, "awaiting-confirmation");
        await host.output(": >/run/stubborn");
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
