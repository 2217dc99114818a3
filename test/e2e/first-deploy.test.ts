/** 6. The first deploy to a host that bungee never saw is protected like any other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { releases } from "../lab/rootfs.ts";
import { Scene, skip } from "./scene.ts";

for (const hostRelease of releases) {
  test(`the first deploy cuts the network of a ${hostRelease} host that bungee never saw: it goes back`, {
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

test("an activator that the host has installed is used, and one of another version is not", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1"] });
  const host = scene.host("web1");
  const script = "/work-is-not-here";
  assert.notEqual((await host.run(["test", "-e", script])).code, 0);
  for (const [version, protocol, used] of [
    ["2", "1", true],
    ["3", "99", false],
  ] as const) {
    await putActivator(scene, protocol);
    await scene.write({ web1: { version } });
    const { code, stdout } = await scene.deploy("web1");
    assert.equal(code, 0, stdout);
    assert.equal((await host.run("test -e /run/installed-was-used")).code === 0, used);
    await host.run("rm -f /run/installed-was-used");
  }
});

/** An installed activator, as the NixOS module will make it: here in the running system's sw/bin, by hand. */
async function putActivator(scene: Scene, protocol: string): Promise<void> {
  const host = scene.host("web1");
  const source = await scene.deployer.output(["cat", `${import.meta.dirname}/../../src/activator/activator.sh`]);
  const marked = source
    .replace("PROTOCOL=1", `PROTOCOL=${protocol}`)
    .replace("set -u\n", protocol === "1" ? "set -u\n: >/run/installed-was-used\n" : "set -u\n");
  await host.output(
    'target=$(readlink -f /run/current-system)/sw/bin/bungee-activator; cat >"$target"; chmod 755 "$target"',
    { stdin: marked },
  );
}
