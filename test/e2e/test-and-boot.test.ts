/** 5. `test` is undone by a reset and never touches the profile; `boot` changes nothing live, and the reset boots it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertUnchanged, Scene, skip } from "./scene.ts";

test("test, then reset: the old system is back, and the profile never changed", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1"] });
  const host = scene.host("web1");
  const before = await host.triple();
  await scene.write({ web1: { version: "2" } });
  const { code, outcomes, stdout } = await scene.deploy("web1", "--action", "test");
  assert.equal(code, 0, stdout);
  const { web1 } = outcomes;
  assert.ok(web1?.kind === "confirmed");
  assert.deepEqual(await host.triple(), { ...before, running: web1.release });
  assert.equal(await host.output("cat /run/app/version"), "2");
  assert.equal(await host.output("ls /nix/var/nix/profiles | grep -c ^system-"), "1");

  await host.reset();
  await host.waitSsh();
  const now = await host.triple();
  assert.deepEqual([now.running, now.profile, now.bootDefault], [before.running, before.profile, before.bootDefault]);
  assert.equal(await host.output("cat /run/app/version"), "1");

  // What was only tested is not there any more: the same test again is work, not `unchanged`.
  const again = await scene.deploy("web1", "--action", "test");
  assert.equal(again.outcomes.web1?.kind, "confirmed");
});

test("a test that nobody can confirm goes back to the system that ran, not to the profile's", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1"] });
  const host = scene.host("web1");
  await scene.write({ web1: { version: "2" } });
  assert.equal((await scene.deploy("web1", "--action", "test")).code, 0);
  const before = await host.triple();
  assert.notEqual(before.running, before.profile);
  await scene.write({ web1: { version: "3", behaviour: "cuts-network" } });
  // On top of a test, a switch goes the same way back.
  for (const action of ["test", "switch"]) {
    const { code, outcomes } = await scene.deploy("web1", "--action", action);
    assert.equal(code, 1, action);
    assert.ok(outcomes.web1?.kind === "rolled-back" && outcomes.web1.verified, JSON.stringify(outcomes));
    assert.deepEqual(await host.triple(), before, action);
  }
});

test("boot: nothing live changes, and the reset boots the new system", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1"] });
  const host = scene.host("web1");
  const before = await host.triple();
  const processes = () =>
    host.output("systemctl show --property=MainPID,ActiveEnterTimestampMonotonic app.service ssh.service");
  const live = await processes();
  await scene.write({ web1: { version: "2" } });
  const { code, outcomes, events } = await scene.deploy("web1", "--action", "boot");
  assert.equal(code, 0);
  const { web1 } = outcomes;
  assert.ok(web1?.kind === "confirmed");
  assert.deepEqual(await host.triple(), { ...before, profile: web1.release, bootDefault: web1.release });
  assert.equal(await processes(), live);
  assert.ok(!events.some((event) => event.type === "stage-started" && event.stage === "activate"));
  assert.equal((await scene.deploy("web1", "--action", "boot")).outcomes.web1?.kind, "unchanged");

  await host.reset();
  await host.waitSsh();
  const now = await host.triple();
  assert.deepEqual([now.running, now.booted], [web1.release, web1.release]);
});

for (const behaviour of ["fails-boot-step", "fails-after-boot-step"] as const) {
  test(`boot, a system that ${behaviour}: profile and entry as before, and nothing live was touched`, {
    skip,
  }, async () => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    const host = scene.host("web1");
    const before = await host.triple();
    const live = await host.output("systemctl show --property=MainPID app.service ssh.service");
    await scene.write({ web1: { version: "2", behaviour } });
    const { code, outcomes } = await scene.deploy("web1", "--action", "boot");
    assert.equal(code, 1);
    const { web1 } = outcomes;
    assert.ok(web1?.kind === "rolled-back" && web1.verified && web1.why.code === "boot-step", JSON.stringify(web1));
    assert.deepEqual(await host.triple(), before);
    assert.equal(await host.output("systemctl show --property=MainPID app.service ssh.service"), live);
    await host.reset();
    await host.waitSsh();
    assert.equal((await host.triple()).running, before.running);
  });
}

test("stage: copied and kept, nothing activated", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1"] });
  const host = scene.host("web1");
  const before = await host.triple();
  await scene.write({ web1: { version: "2" } });
  const { code, outcomes } = await scene.deploy("web1", "--action", "stage");
  const { web1 } = outcomes;
  assert.ok(code === 0 && web1?.kind === "staged");
  assert.deepEqual(await host.triple(), before);
  await host.output("nix-collect-garbage");
  await host.output(["nix-store", "--check-validity", web1.release]);
});

test("build: no host is asked anything", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1"] });
  const host = scene.host("web1");
  await scene.write({ web1: { version: "2" } });
  const before = await host.snapshot();
  await host.cut("drop");
  const { code, outcomes } = await scene.deploy("web1", "--action", "build");
  assert.ok(code === 0 && outcomes.web1?.kind === "staged");
  await host.heal();
  assertUnchanged(before, await host.snapshot());
});
