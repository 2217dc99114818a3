/** 1. Three hosts, one command: in parallel, confirmed, committed; and a second time nothing is activated. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "../../src/run/events.ts";
import { releases } from "../lab/rootfs.ts";
import { Scene, skip } from "./scene.ts";

const HOSTS = ["db", "web1", "web2"];

for (const deployerRelease of releases) {
  for (const hostRelease of releases) {
    test(`three hosts, one command: a ${deployerRelease} deployer, ${hostRelease} hosts`, { skip }, async () => {
      await using scene = await Scene.open({ hosts: HOSTS, deployerRelease, hostRelease });
      const hosts = HOSTS.map((name) => scene.host(name));
      await scene.write(Object.fromEntries(HOSTS.map((name) => [name, { version: "2", activationSeconds: 1 }])));

      const first = await scene.deploy("--all");
      assert.equal(first.code, 0, first.stderr + first.stdout);
      for (const host of hosts) {
        const outcome = first.outcomes[host.name];
        assert.equal(outcome?.kind, "confirmed");
        const release = outcome.kind === "confirmed" ? outcome.release : "";
        const { running, profile, bootDefault } = await host.triple();
        assert.deepEqual([running, profile, bootDefault], [release, release, release]);
        assert.equal(await host.output("cat /run/app/version"), "2");
      }
      assert.ok(overlap(first.events, HOSTS), "every host was in activation before the first was done");

      const switches = () => Promise.all(hosts.map((host) => host.output("cat /var/lib/bungee/history | wc -l")));
      assert.deepEqual(await switches(), ["1", "1", "1"]);
      const second = await scene.deploy("--all");
      assert.equal(second.code, 0);
      assert.deepEqual(
        Object.values(second.outcomes).map(({ kind }) => kind),
        ["unchanged", "unchanged", "unchanged"],
      );
      assert.ok(!second.events.some((event) => event.type === "stage-started" && event.stage === "activate"));
      assert.deepEqual(await switches(), ["1", "1", "1"]);
    });
  }
}

/** Whether the last activation began before the first one ended. */
function overlap(events: readonly Event[], nodes: readonly string[]): boolean {
  const at = (type: "stage-started" | "stage-finished", node: string) =>
    events.findIndex((event) => event.type === type && event.node === node && event.stage === "activate");
  const begins = nodes.map((node) => at("stage-started", node));
  const ends = nodes.map((node) => at("stage-finished", node));
  return Math.max(...begins) < Math.min(...ends);
}

test("as a user with sudo, and through the other ways that settings name", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1", "web2", "db"] });
  await scene.write({
    web1: { version: "2", bungee: { user: "deploy", identityFile: "~/.ssh/deploy" } },
    web2: { version: "2", bungee: { addresses: ["10.77.255.1", "nowhere.invalid", scene.host("web2").address] } },
    db: { version: "2", bungee: { build: "target", after: ["web1"] } },
  });
  const { code, outcomes, events, stdout, stderr } = await scene.deploy("--all");
  assert.equal(code, 0, stderr + stdout);
  assert.deepEqual(
    Object.values(outcomes).map(({ kind }) => kind),
    ["confirmed", "confirmed", "confirmed"],
  );
  const when = (type: Event["type"], node: string) =>
    events.findIndex((event) => event.type === type && "node" in event && event.node === node);
  const built = events.findIndex(
    (event) => event.type === "stage-started" && event.node === "db" && event.stage === "build",
  );
  assert.ok(when("node-finished", "web1") < built, "db comes after web1");
  const here = await scene.deployer.run(["nix-store", "--check-validity", (await scene.host("db").triple()).running!]);
  assert.notEqual(here.code, 0, "db's system was built on db, and never was on the deployer");
});

test("a user who may not become root is told so before anything is built", { skip }, async () => {
  await using scene = await Scene.open({ hosts: ["web1"] });
  await scene.write({ web1: { version: "2", bungee: { user: "alice", identityFile: "~/.ssh/alice" } } });
  const before = await scene.host("web1").triple();
  const { code, outcomes, events } = await scene.deploy("web1");
  const { web1 } = outcomes;
  assert.equal(code, 1);
  assert.ok(web1?.kind === "failed" && web1.why.code === "elevation", JSON.stringify(web1));
  assert.ok(!events.some((event) => event.type === "stage-started" && event.stage === "build"));
  assert.deepEqual(await scene.host("web1").triple(), before);
});
