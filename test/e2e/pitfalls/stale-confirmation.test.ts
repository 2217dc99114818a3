/** A confirmation is of one run: none from before, none too early, and none by whoever happens to be on the host. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Host } from "../../lab/host.ts";
import { finish, Scene, skip, untilState } from "../scene.ts";

describe("P1: a stale confirmation confirms nothing", { skip }, () => {
  test("what confirmed or failed before counts for no later run of the same closure", async () => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    const host = scene.host("web1");
    const before = await host.triple();
    await scene.write({ web1: { version: "2", behaviour: "slow", arguments: { seconds: 3 } } });
    const old = await unconfirmed(scene, host);

    // The same closure again, in sight of everybody who would like to confirm it.
    const second = scene.start("deploy", "web1", "--report", "json");
    await untilState(host, "activating");
    const run = await currentRun(host);
    await host.cut("drop");
    assert.notEqual(run, old);
    assert.equal(await confirm(host, run, run), "not-yet", "its own token, in mid-switch");
    assert.equal(await confirm(host, old, old), "too-late");
    await untilState(host, "awaiting-confirmation");
    assert.equal(await confirm(host, run, old), "token", "the token of the run before");
    assert.equal(await confirm(host, old, old), "too-late");
    await meddle(host, run);
    await untilState(host, "rolling-back");
    await host.heal();
    const again = await finish(second);
    assert.ok(again.code === 1 && again.outcomes.web1?.kind === "rolled-back", again.stdout);
    assert.deepEqual(await host.triple(), before);

    const third = await scene.deploy("web1");
    assert.equal(third.outcomes.web1?.kind, "confirmed", "and is confirmed when its own deployer says so");
  });
});

/** A deploy that nobody can confirm: the link is down from mid-switch until the host is on its way back. Gives its run. */
async function unconfirmed(scene: Scene, host: Host): Promise<string> {
  const deploy = scene.start("deploy", "web1", "--report", "json");
  await untilState(host, "activating");
  const run = await currentRun(host);
  await host.cut("drop");
  await untilState(host, "rolling-back");
  await host.heal();
  const { outcomes, stdout } = await finish(deploy);
  assert.equal(outcomes.web1?.kind, "rolled-back", stdout);
  return run;
}

const currentRun = (host: Host) => host.output("basename $(readlink /var/lib/bungee/current)");

/** Confirms a run by hand with the token of the same or of another run. Gives the host's word for its refusal. */
async function confirm(host: Host, run: string, tokenOf: string): Promise<string> {
  const runs = "/var/lib/bungee/runs";
  const { stdout } = await host.run(`sh ${runs}/${run}/activator confirm ${run} <${runs}/${tokenOf}/token`);
  return (JSON.parse(stdout) as { error?: string }).error ?? "confirmed";
}

/** All that a local user without rights may try: to make the confirmation himself, or to read what it takes. */
async function meddle(host: Host, run: string): Promise<void> {
  const directory = `/var/lib/bungee/runs/${run}`;
  for (const attempt of [
    `cat ${directory}/token`,
    `ls ${directory}`,
    `mv ${directory}/state/awaiting-confirmation ${directory}/state/confirmed`,
    `touch ${directory}/state/confirmed`,
    "ln -s /tmp /var/lib/bungee/current",
  ]) {
    assert.notEqual((await host.run(attempt, { user: "alice" })).code, 0, attempt);
  }
  await host.output(`touch /tmp/bungee-${run} /tmp/bungee-confirm-${run} /tmp/confirmed`, { user: "alice" });
}
