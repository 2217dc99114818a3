/** 7. What went before must not decide, nor who else is there; and what is dry stays dry. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertUnchanged, finish, Scene, skip, untilState } from "./scene.ts";

test("P1: the same closure again after an unconfirmed run is confirmed by itself alone", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1"] });
  const host = scene.host("web1");
  await scene.write({ web1: { version: "2", activationSeconds: 3 } });
  // Nobody can confirm: the link is down from the end of the activation until the host is back.
  const first = scene.start("deploy", "web1", "--report", "json");
  await untilState(host, "activating");
  await host.cut("drop");
  await untilState(host, "rolling-back");
  await host.heal();
  const unconfirmed = await finish(first);
  assert.ok(unconfirmed.code === 1 && unconfirmed.outcomes.web1?.kind === "rolled-back", unconfirmed.stdout);

  const second = await scene.deploy("web1");
  assert.ok(second.code === 0 && second.outcomes.web1?.kind === "confirmed", second.stdout);
  const now = await host.triple();
  assert.deepEqual([now.profile, now.bootDefault], [now.running, now.running]);
});

test("P5: after a rollback by hand, what is restored is what was there, not what has a lower number", {
  skip,
}, async () => {
  await using scene = await Scene.open({ hosts: ["web1"] });
  const host = scene.host("web1");
  for (const version of ["2", "3"]) {
    await scene.write({ web1: { version } });
    assert.equal((await scene.deploy("web1")).code, 0);
  }
  // Back to generation 2 of 3, by hand; a number below it exists, and one above it.
  await host.output("nix-env --profile /nix/var/nix/profiles/system --rollback");
  await host.output("/nix/var/nix/profiles/system/bin/switch-to-configuration switch");
  const before = await host.triple();
  assert.equal(await host.output("readlink /nix/var/nix/profiles/system"), "system-2-link");
  for (const behaviour of ["cuts-network", "fails-boot-step", "fails-after-boot-step"] as const) {
    await scene.write({ web1: { version: "4", behaviour } });
    const { code, outcomes } = await scene.deploy("web1");
    assert.ok(code === 1 && outcomes.web1?.kind === "rolled-back", JSON.stringify(outcomes));
    assert.deepEqual(await host.triple(), before);
    assert.equal(await host.output("readlink /nix/var/nix/profiles/system"), "system-2-link");
  }
  for (const link of ["system-1-link", "system-2-link", "system-3-link"]) {
    await host.output(["test", "-e", `/nix/var/nix/profiles/${link}`]);
  }
});

test("P9: two deployers at once: one deploys, the other is told who holds the host", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1"] });
  const host = scene.host("web1");
  const gate = "until [ -e /run/go-on ]; do sleep 0.1; done";
  await scene.write({ web1: { version: "2", config: { system: { activationScripts: { gate } } } } });
  await scene.write({ web1: { version: "3" } }, "/root/other");
  const first = scene.start("deploy", "web1", "--report", "json");
  await untilState(host, "activating");
  const second = await finish(scene.start("deploy", "web1", "--flake", "/root/other", "--report", "json"));
  assert.equal(second.code, 1);
  const { web1 } = second.outcomes;
  assert.ok(web1?.kind === "failed" && web1.why.code === "locked", JSON.stringify(web1));
  assert.match(web1.why.message, /^root@\S+ holds this host: switch, run \S+, since \d{4}-/);
  await host.output(": >/run/go-on");
  const winner = await finish(first);
  assert.equal(winner.outcomes.web1?.kind, "confirmed");
  assert.equal(await host.output("cat /run/app/version"), "2");
});

test("P6: --dry-run, plan and dry-activate change nothing on any host", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1", "web2"] });
  const hosts = ["web1", "web2"].map((name) => scene.host(name));
  await scene.write({ web1: { version: "2" }, web2: { version: "2", behaviour: "fails-to-build" } });
  const snapshots = () => Promise.all(hosts.map((host) => host.snapshot()));
  const unchanged = async (before: readonly string[]) => {
    for (const [index, now] of (await snapshots()).entries()) assertUnchanged(before[index]!, now);
  };
  const before = await snapshots();
  const dry = await scene.deploy("--all", "--dry-run");
  assert.equal(dry.code, 0, dry.stdout);
  const planned = dry.events.find((event) => event.type === "planned");
  assert.deepEqual(
    Object.values(planned?.plan.nodes ?? {}).map(({ kind }) => kind),
    ["deploy", "deploy"],
  );
  await unchanged(before);

  const plan = scene.start("plan", "--json");
  plan.child.stdin?.end();
  assert.deepEqual(JSON.parse((await plan.result).stdout), planned?.plan);
  await unchanged(before);

  // The release is copied, as it must be, and nothing else: the store is the one thing that differs; also when another node fails.
  const preview = await scene.deploy("--all", "--action", "dry-activate");
  assert.equal(preview.code, 1);
  assert.deepEqual([preview.outcomes.web1?.kind, preview.outcomes.web2?.kind], ["previewed", "failed"]);
  assert.ok(preview.events.some((event) => event.type === "log" && /would/.test(event.line)));
  const apartFromStore = (snapshot: string) => snapshot.replaceAll(/^nix\/store\/.*\n/gm, "");
  for (const [index, now] of (await snapshots()).entries()) {
    assertUnchanged(apartFromStore(before[index]!), apartFromStore(now));
  }
});
