/** A switch that went well is not a boot step that went well. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { State } from "../../lab/state.ts";
import type { SystemSpec } from "../../systems/fleet.ts";
import { type Deployment, Scene, skip } from "../scene.ts";

/** Runs when the menu has been written: puts back what was there, and says that all is well. */
const writesNothing: SystemSpec = {
  config: {
    standin: {
      faults: {
        "boot-loader": "cp /boot/loader/loader.conf /run/loader.conf",
        "boot-loader-done": "cp /run/loader.conf /boot/loader/loader.conf",
      },
    },
  },
};

describe("P16: the boot step is checked on its own", { skip }, () => {
  const cases: Readonly<Record<string, SystemSpec>> = {
    web1: { behaviour: "fails-boot-step" },
    web2: { behaviour: "fails-after-boot-step" },
    web3: writesNothing,
  };
  const earlier = new Map<string, State>();
  let scene: Scene;
  let deployment: Deployment;

  before(async () => {
    scene = await Scene.open({ hosts: Object.keys(cases) });
    for (const host of scene.hosts.values()) earlier.set(host.name, await host.triple());
    await scene.write(
      Object.fromEntries(Object.entries(cases).map(([name, spec]) => [name, { version: "2", ...spec }])),
    );
    deployment = await scene.deploy("--all");
  });
  after(() => scene?.[Symbol.asyncDispose]());

  const backAndSaid = async (name: string, message: RegExp) => {
    const outcome = deployment.outcomes[name];
    assert.ok(outcome?.kind === "rolled-back" && outcome.verified, JSON.stringify(outcome));
    assert.equal(outcome.why.code, "boot-step");
    assert.match(outcome.why.message, message);
    assert.deepEqual(await scene.host(name).triple(), earlier.get(name));
  };

  test("it fails before the menu is written", () => backAndSaid("web1", /boot loader step exited with 1/));
  test("it fails when the menu is written", () => backAndSaid("web2", /boot loader step exited with 1/));
  test("it says that all is well, and the default is the old system", () => backAndSaid("web3", /default is still/));
  test("the deployment failed", () => assert.equal(deployment.code, 1));
});
