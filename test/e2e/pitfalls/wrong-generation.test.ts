/** What is restored is what was recorded, by store path, whatever the generations' numbers say. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Host } from "../../lab/host.ts";
import { Scene, skip } from "../scene.ts";

const generations = (host: Host) => host.output("ls /nix/var/nix/profiles | grep ^system- | sort");

describe("P5: the recorded generation is restored, not the one with a lower number", { skip }, () => {
  test("a profile that cannot be set: the host is back, and every generation is still there", async () => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    const host = scene.host("web1");
    const [before, links] = [await host.triple(), await generations(host)];
    const readOnly = "cd /nix/var/nix/profiles; mount --bind . .; mount -o remount,bind,ro .";
    await scene.write({ web1: { version: "2", config: { system: { activationScripts: { readOnly } } } } });
    const { code, outcomes } = await scene.deploy("web1");
    assert.equal(code, 1);
    assert.ok(outcomes.web1?.kind === "rolled-back" && outcomes.web1.verified, JSON.stringify(outcomes));
    assert.equal(outcomes.web1.why.code, "profile");
    assert.deepEqual(await host.triple(), before);
    assert.equal(await generations(host), links);
  });

  test("the closure that runs already, deployed again: what ran and what would boot stay two systems", async () => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    const host = scene.host("web1");
    await scene.write({ web1: { version: "2", behaviour: "fails-after-boot-step" } });
    const tested = await scene.deploy("web1", "--action", "test");
    assert.equal(tested.outcomes.web1?.kind, "confirmed", tested.stdout);
    const before = await host.triple();
    assert.notEqual(before.running, before.profile);

    const { outcomes } = await scene.deploy("web1");
    assert.ok(outcomes.web1?.kind === "rolled-back" && outcomes.web1.verified, JSON.stringify(outcomes));
    assert.equal(outcomes.web1.why.code, "boot-step");
    assert.deepEqual(await host.triple(), before);
    assert.equal(await host.output("readlink /nix/var/nix/profiles/system"), "system-1-link");
    assert.equal(await host.output("cat /run/app/version"), "2");
  });
});
