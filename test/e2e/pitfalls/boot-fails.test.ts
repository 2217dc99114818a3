/** `boot` is for later: also when it fails, nothing that runs is touched. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Scene, skip } from "../scene.ts";

describe("P11: a boot that fails changes nothing that runs", { skip }, () => {
  for (const behaviour of ["fails-boot-step", "fails-after-boot-step"] as const) {
    test(`a system that ${behaviour}, on a host that runs another system than it boots`, async () => {
      await using scene = await Scene.open({ hosts: ["web1"] });
      const host = scene.host("web1");
      await scene.write({ web1: { version: "2" } });
      assert.equal((await scene.deploy("web1", "--action", "test")).code, 0);
      const before = await host.triple();
      assert.notEqual(before.running, before.profile);
      const processes = () =>
        host.output("systemctl show --property=MainPID,ActiveEnterTimestampMonotonic app bystander ssh network-lab");
      const live = await processes();

      await scene.write({ web1: { version: "3", behaviour } });
      const { code, outcomes, events } = await scene.deploy("web1", "--action", "boot");
      assert.equal(code, 1);
      const { web1 } = outcomes;
      assert.ok(web1?.kind === "rolled-back" && web1.verified && web1.why.code === "boot-step", JSON.stringify(web1));
      assert.deepEqual(await host.triple(), before);
      assert.equal(await processes(), live);
      assert.equal(await host.output("cat /run/app/version"), "2");
      assert.ok(
        !events.some((event) => event.type === "log" && event.source === "activation" && /activating/.test(event.line)),
      );
    });
  }
});
