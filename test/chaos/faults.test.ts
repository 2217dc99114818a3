/** The faults that the lab itself does not have, or has not tested: they happen, and are mended. */
import assert from "node:assert/strict";
import { statfsSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "../lab/host.ts";
import { openLab } from "../lab/lab.ts";
import { needsSandbox } from "../lab/sandbox.ts";
import { greets } from "../lab/ssh.ts";
import { healHost, moment, strike, type Target } from "./faults.ts";

function targetOf(host: Host, over = new AbortController().signal): Target {
  const report = () => '{"type":"stage-started","stage":"copy"}';
  const nothing = async () => {};
  const firstFault = Promise.resolve();
  return { host, over, report, firstFault, signalDeployers: nothing, startSecondDeployer: nothing };
}

test("a frozen host says nothing, and goes on where it was", needsSandbox, async () => {
  await using lab = await openLab();
  const host = await lab.host("web").up();
  await host.waitSsh();
  const frozen = strike({ kind: "host-frozen", healMs: 3000 }, targetOf(host));
  await host.output("until grep -q 'frozen 1' /sys/fs/cgroup/cgroup.events; do sleep 0.01; done");
  // Its kernel takes the connection, and sshd greets as soon as it can go on.
  const greeted = greets(host.address);
  assert.equal(await Promise.race([greeted, sleep(500, "nothing")]), "nothing");
  await frozen;
  await host.waitSsh();
});

test(
  "the clock jumps for whoever asks date; the disk is full; both are mended, and a host that is off is switched on",
  needsSandbox,
  async () => {
    await using lab = await openLab();
    const host = await lab.host("web").up();
    await strike({ kind: "clock-jumped", seconds: 86_400 }, targetOf(host));
    const jumped = Number(await host.output("date -u +%s")) - Date.now() / 1000;
    assert.ok(Math.abs(jumped - 86_400) < 60, `${jumped} s`);
    await strike({ kind: "disk-filled", leaveBytes: 0, healMs: null }, targetOf(host));
    assert.notEqual((await host.run("echo full >/root/file")).code, 0);
    await strike({ kind: "link-cut", how: "drop", healMs: null }, targetOf(host));
    await host.down();

    await healHost(host);
    await host.waitSsh();
    assert.ok(Math.abs(Number(await host.output("date -u +%s")) - Date.now() / 1000) < 60);
    await host.output("echo room >/root/file");
    assert.ok(statfsSync(host.disk.path("/")).bavail > 1000);
  },
);

test("a moment that does not come is given up with the run", needsSandbox, async () => {
  await using lab = await openLab();
  const host = await lab.host("web").up();
  const over = AbortSignal.timeout(300);
  assert.equal(await moment({ after: "state", state: "committing", ms: 0 }, targetOf(host, over)), false);
  assert.equal(await moment({ after: "stage", stage: "copy", ms: 0 }, targetOf(host)), true);
  const run =
    "mkdir -p /var/lib/bungee/runs/x/state; ln -sT runs/x /var/lib/bungee/current; : >/var/lib/bungee/runs/x/state";
  const came = moment({ after: "state", state: "activating", ms: 0 }, targetOf(host));
  // A state that is over before anybody looks is taken for reached when a later one is.
  await host.output(`${run}/awaiting-confirmation`);
  assert.equal(await came, true);
});
