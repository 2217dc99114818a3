/** One deploy, several hosts that fail: each is as it was itself, and what is said of each was seen there. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Scene, skip } from "../scene.ts";

describe("P12: every host goes back to its own recorded state, and its true state is told", { skip }, () => {
  test("hosts with histories of their own, one deploy that fails on most of them", async () => {
    const failing = ["byhand", "tested", "staged", "plain"] as const;
    await using scene = await Scene.open({ hosts: [...failing, "fine", "gone", "late"] });
    const host = (name: string) => scene.host(name);
    const one = (name: string, version: string, action = "switch") =>
      scene.write({ [name]: { version } }).then(() => scene.deploy(name, "--action", action));
    // Back to generation 1 of 2, by hand.
    assert.equal((await one("byhand", "2")).code, 0);
    await host("byhand").output("nix-env --profile /nix/var/nix/profiles/system --rollback");
    await host("byhand").output("/nix/var/nix/profiles/system/bin/switch-to-configuration switch");
    // Runs what it would not boot; boots what it does not run.
    assert.equal((await one("tested", "2", "test")).code, 0);
    assert.equal((await one("staged", "2", "boot")).code, 0);
    const before = new Map(await Promise.all(failing.map(async (name) => [name, await host(name).triple()] as const)));
    await host("gone").cut("refuse");

    const late = { version: "3", bungee: { after: ["plain"] } };
    await scene.write({
      byhand: { version: "3", behaviour: "cuts-network" },
      tested: { version: "3", behaviour: "exits-after" },
      staged: { version: "3", behaviour: "fails-after-boot-step" },
      plain: { version: "3", behaviour: "leaves-unit-failed" },
      fine: { version: "3" },
      gone: { version: "3" },
      late,
    });
    const { code, outcomes } = await scene.deploy("--all");
    assert.equal(code, 1);
    for (const name of failing) {
      const outcome = outcomes[name];
      assert.ok(outcome?.kind === "rolled-back" && outcome.verified, `${name}: ${JSON.stringify(outcome)}`);
      const { booted, ...now } = await host(name).triple();
      assert.deepEqual({ booted, ...now }, before.get(name), name);
      assert.deepEqual(outcome.restored, now, `${name}: told as it is`);
    }
    assert.deepEqual(
      [outcomes.fine?.kind, outcomes.gone?.kind, outcomes.late?.kind],
      ["confirmed", "failed", "skipped"],
      JSON.stringify(outcomes),
    );
    const fine = await host("fine").triple();
    assert.ok(outcomes.fine?.kind === "confirmed");
    assert.deepEqual([fine.running, fine.profile, fine.bootDefault], Array(3).fill(outcomes.fine.release));
    assert.equal(await host("late").output("cat /run/app/version"), "1");
  });
});
