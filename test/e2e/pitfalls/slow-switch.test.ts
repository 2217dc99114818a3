/** Two clocks: activation has its own limit, and the one of the confirmation starts when activation has ended. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Deployment, Scene, skip } from "../scene.ts";

describe("P13: a slow switch is waited for, and takes no other host down", { skip }, () => {
  let scene: Scene;
  let deployment: Deployment;

  before(async () => {
    scene = await Scene.open({ hosts: ["db", "web1", "web2", "web3"] });
    const confirmation = { timeout: 10 };
    await scene.write({
      // As one that migrates a database: longer than both timeouts of its neighbours together.
      db: { version: "2", behaviour: "slow", arguments: { seconds: 16 }, bungee: { confirmation } },
      web1: { version: "2", bungee: { confirmation } },
      web2: { version: "2", behaviour: "hangs", bungee: { activation: { timeout: 5 }, confirmation } },
      web3: { version: "2", behaviour: "cuts-network", bungee: { activation: { timeout: 30 }, confirmation } },
    });
    deployment = await scene.deploy("--all");
  });
  after(() => scene?.[Symbol.asyncDispose]());

  test("the slow one is confirmed, and so is its neighbour", async () => {
    for (const name of ["db", "web1"]) {
      assert.equal(deployment.outcomes[name]?.kind, "confirmed", JSON.stringify(deployment.outcomes[name]));
      assert.equal(await scene.host(name).output("cat /run/app/version"), "2");
    }
  });

  for (const [name, why] of [
    ["web2", "activation-timeout"],
    ["web3", "unconfirmed"],
  ] as const) {
    test(`the deployer learns which clock ran out: ${why}`, async () => {
      const outcome = deployment.outcomes[name];
      assert.ok(outcome?.kind === "rolled-back" && outcome.verified, JSON.stringify(outcome));
      assert.equal(outcome.why.code, why);
      assert.equal(await scene.host(name).output("cat /run/app/version"), "1");
    });
  }
});
