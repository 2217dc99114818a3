/** The host loses its power, and with it what was on its way to the disk: a run still ends as it has to. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { skip, untilQuiet, untilState } from "../e2e/scene.ts";
import { Mains } from "./power-loss.ts";
import { BLOG, BLOG_LINK, Profiles } from "./profiles.ts";
import { Runs } from "./runs.ts";

describe("a power loss that takes what was not synced", { skip }, () => {
  let runs: Runs;
  let mains: Mains;
  let fine: string;

  before(async () => {
    runs = await Runs.open("trixie");
    mains = new Mains(runs.host);
    fine = await runs.scene.deliver("web1", { version: "2" });
  });
  after(() => runs?.[Symbol.asyncDispose]());

  test("the run is closed by the next question, and tells what it was", async () => {
    const before = await runs.host.triple();
    const { run } = await runs.activator.begin(runs.request(fine, { confirmationTimeout: 600 }));
    await untilState(runs.host, "awaiting-confirmation");
    await mains.fail(run);
    const { state, why, release, recorded } = await runs.activator.status(run);
    assert.deepEqual({ state, why, release }, { state: "rolled-back", why: "host-reset", release: fine });
    assert.equal(recorded.running, before.running);
    assert.deepEqual(await runs.host.triple(), { ...before, booted: before.running });
    await runs.nothingLeft();
  });

  test("a boot loader that was ahead of all else is put back", async () => {
    const before = await runs.host.triple();
    const { run } = await runs.activator.begin(runs.request(fine, { confirmationTimeout: 600 }));
    await untilState(runs.host, "awaiting-confirmation");
    // A boot partition is a file system of its own: it has the commit, and nothing else has.
    await runs.host.output(`profile=/nix/var/nix/profiles/system was=$(readlink /nix/var/nix/profiles/system)
      nix-env --profile $profile --set ${fine} && ${fine}/bin/switch-to-configuration boot && ln -sfn $was $profile`);
    await mains.fail(run);
    assert.equal((await runs.host.triple()).running, fine, "it has booted what nobody confirmed");
    await runs.activator.status(run);
    await untilQuiet(runs.host);
    const { state } = await runs.activator.status(run);
    assert.equal(state, "rolled-back");
    assert.deepEqual(await runs.host.triple(), { ...before, booted: fine });
    await runs.nothingLeft();
  });

  test("where /etc takes no units, a profile goes back as soon as anybody asks for its run", async () => {
    const profiles = new Profiles(runs);
    await profiles.commit(BLOG, await profiles.deliver("one"));
    const two = await profiles.deliver("two");
    await profiles.activated();
    // What stands there is no directory, and root cannot make one in its place.
    await runs.host.output(": >/etc/systemd/system.control");
    const { run } = await runs.activator.begin(profiles.request(BLOG, two, { confirmationTimeout: 600 }));
    await untilState(runs.host, "awaiting-confirmation");
    assert.match(await runs.host.output(`cat /var/lib/bungee/runs/${run}/log`), /cannot be carried over a reset/);
    await mains.fail(run);
    await runs.host.output("systemctl is-system-running --wait || :");
    assert.deepEqual(await profiles.activated(), ["two"], "nobody has asked yet");
    await runs.activator.status(run);
    await untilQuiet(runs.host);
    assert.deepEqual(await profiles.activated(), ["one"]);
    assert.equal(await profiles.at(BLOG_LINK), "one");
    const { state, why } = await runs.activator.status(run);
    assert.deepEqual([state, why], ["rolled-back", "host-reset"]);
    await runs.host.output("rm /etc/systemd/system.control");
    await runs.nothingLeft();
  });
});
