/** First Ctrl-C: nothing new starts, hosts in activation come to their end. Second: bungee leaves, hosts decide for themselves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { finish, Scene, skip, untilQuiet, untilState } from "./scene.ts";

const slow = { version: "2", behaviour: "slow", arguments: { seconds: 4 } } as const;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`P19: ${signal} once: the host in activation is confirmed, the other is not started`, { skip }, async () => {
    await using scene = await Scene.open({ hosts: ["web1", "web2"] });
    await scene.write({ web1: slow, web2: { version: "2", bungee: { after: ["web1"] } } });
    const before = await scene.host("web2").triple();
    const running = scene.start("deploy", "--all", "--report", "json");
    await untilState(scene.host("web1"), "activating");
    await running.kill(signal);
    const { code, outcomes, stdout, events } = await finish(running);
    assert.equal(code, 130, stdout);
    assert.deepEqual([outcomes.web1?.kind, outcomes.web2?.kind], ["confirmed", "skipped"]);
    assert.deepEqual(await scene.host("web2").triple(), before);
    assert.ok(events.some((event) => event.type === "notice" && event.level === "warning"));
    assert.equal(await scene.host("web1").output("cat /run/app/version"), "2");
  });
}

test("P19: once, before anything was activated: nothing is", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1"] });
  const host = scene.host("web1");
  await scene.write({ web1: { version: "2", payloadKiB: 300_000 } });
  await host.limit({ mbit: 100 });
  const before = await host.triple();
  const running = scene.start("deploy", "web1", "--report", "json");
  while (!running.stdout.includes('"copy"')) await new Promise((resolve) => setTimeout(resolve, 20));
  await running.kill("SIGINT");
  const { code, outcomes, stdout } = await finish(running);
  assert.equal(code, 130, stdout);
  assert.equal(outcomes.web1?.kind, "skipped", stdout);
  assert.deepEqual(await host.triple(), before);
  assert.equal(await nixProcesses(scene), "0");
});

test("P19: twice: bungee leaves at once with no child, and the host goes back by itself", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1"] });
  const host = scene.host("web1");
  const before = await host.triple();
  await scene.write({ web1: slow });
  const running = scene.start("deploy", "web1", "--report", "json");
  await untilState(host, "activating");
  await running.kill("SIGINT");
  while (!running.stdout.includes('"notice"')) await new Promise((resolve) => setTimeout(resolve, 20));
  const asked = performance.now();
  await running.kill("SIGINT");
  const { code } = await running.result;
  assert.ok(performance.now() - asked < 10_000);
  assert.equal(code, 130);
  assert.equal(await nixProcesses(scene), "0");
  await untilQuiet(host);
  assert.deepEqual(await host.triple(), before);
});

/** Children that outlived bungee on the deployer, sockets' folders included. */
const nixProcesses = (scene: Scene) =>
  scene.deployer.output("{ pgrep -x 'nix|nix-store|ssh' || true; ls -d /tmp/bungee-* 2>/dev/null || true; } | wc -l");
