/** 6. The first deploy to a host that bungee never saw is protected like any other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { releases } from "../lab/rootfs.ts";
import { Scene, skip } from "./scene.ts";

for (const hostRelease of releases) {
  test(`P3: the first deploy cuts the network of a ${hostRelease} host that bungee never saw: it goes back`, {
    skip,
  }, async () => {
    await using scene = await Scene.open({ hosts: ["web1"], hostRelease });
    const host = scene.host("web1");
    assert.equal(await host.output("ls -d /var/lib/bungee /run/bungee* 2>/dev/null | wc -l"), "0");
    const before = await host.triple();
    await scene.write({ web1: { version: "2", behaviour: "cuts-network" } });
    const { code, outcomes } = await scene.deploy("web1");
    assert.equal(code, 1);
    assert.ok(outcomes.web1?.kind === "rolled-back" && outcomes.web1.verified, JSON.stringify(outcomes));
    assert.deepEqual(await host.triple(), before);
  });
}

test("a host without any NixOS system is refused, and stays as it is", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1"], installed: false });
  await scene.write({ web1: { version: "2" } });
  const { code, outcomes } = await scene.deploy("web1");
  const { web1 } = outcomes;
  assert.ok(code === 1 && web1?.kind === "failed" && web1.why.code === "refused", JSON.stringify(web1));
  assert.match(web1.why.mend, /install NixOS/);
  assert.equal(await scene.host("web1").output("ls -d /var/lib/bungee 2>/dev/null | wc -l"), "0");
});
