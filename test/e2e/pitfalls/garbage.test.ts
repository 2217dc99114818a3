/** Garbage is collected on the host and on the deployer, in the worst moments that there are. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Host } from "../../lab/host.ts";
import { releases } from "../../lab/rootfs.ts";
import { finish, Scene, skip, untilQuiet, untilState } from "../scene.ts";

/** Collects in each state of a run. */
const COLLECTOR = `
  while :; do
    state=$(ls /var/lib/bungee/current/state 2>/dev/null || echo none)
    [ "$state" = "\${last-}" ] || { last=$state; nix-collect-garbage >/dev/null; echo "$state" >>/run/collected; }
    sleep 0.05
  done`;

describe("P14: no garbage collection takes a system that is on its way", { skip }, () => {
  for (const release of releases) {
    test(`collected in every state of a run, on a ${release} host and on the deployer`, async () => {
      await using scene = await Scene.open({ hosts: ["web1", "web2"], hostRelease: release, deployerRelease: release });
      const [web1, web2] = ["web1", "web2"].map((name) => scene.host(name)) as [Host, Host];
      // Each state lasts long enough for the collector to come by.
      const config = {
        standin: { faults: { "boot-loader": "sleep 2" } },
        system: { activationScripts: { slow: "sleep 2" } },
      };
      await scene.write({
        web1: { version: "2", config },
        web2: { version: "2", behaviour: "fails-after-boot-step", config },
      });
      const collectors = await Promise.all([web1, web2].map((host) => host.spawn(COLLECTOR)));
      const before = await web2.triple();
      const deploy = scene.start("deploy", "--all", "--report", "json");
      // Of both: what one of them is about to build has no root yet, and a collection on the deployer may take it.
      const isCopied = (node: string) => deploy.stdout.includes(`"node":"${node}","stage":"copy"`);
      while (deploy.alive && !(isCopied("web1") && isCopied("web2"))) await pause(20);
      collectors.push(scene.deployer.spawn("while :; do nix-collect-garbage >/dev/null; sleep 1; done"));
      const { outcomes, stdout, stderr } = await finish(deploy);

      assert.equal(outcomes.web1?.kind, "confirmed", stdout + stderr);
      const { running, profile, bootDefault } = await web1.triple();
      assert.deepEqual([profile, bootDefault], [running, running]);
      assert.ok(outcomes.web2?.kind === "rolled-back" && outcomes.web2.verified, JSON.stringify(outcomes.web2));
      assert.equal(outcomes.web2.why.code, "boot-step");
      assert.deepEqual(await web2.triple(), before);
      for (const collector of collectors) assert.ok(collector.alive && (await collector.kill()), collector.stderr);
      const collected = await web1.output("cat /run/collected");
      for (const state of ["activating", "committing"]) assert.match(collected, new RegExp(`^${state}$`, "m"));
    });
  }

  test("collected between the copy and the run that is to keep it: copied again, and confirmed", async () => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    const host = scene.host("web1");
    await scene.write({ web1: { version: "2" } });
    const release = await scene.build("web1");
    // The run makes its folders first. The program for that is one that waits until it is told to go on, the first time.
    await host.output(
      "mkfifo /run/hold; mkdir -p /run/wrappers/bin; cat >/run/wrappers/bin/install; chmod 755 /run/wrappers/bin/install",
      {
        stdin: '#!/bin/sh\nrm "$0"\ncat /run/hold\nexec /usr/bin/install "$@"\n',
      },
    );
    const deploy = scene.start("deploy", "web1", "--report", "json");
    while (deploy.alive && !deploy.stdout.includes('"activate"')) await pause(20);
    await host.output(["nix-store", "--check-validity", release]);
    // The daemon that brought it keeps it until it has ended, which may take a moment.
    await host.output(
      `timeout 60 sh -c 'until nix-collect-garbage; ! nix-store --check-validity ${release} 2>/dev/null; do sleep 0.1; done'`,
    );
    await host.output("timeout 60 sh -c ': >/run/hold'");
    const { outcomes, stdout } = await finish(deploy);
    assert.deepEqual(outcomes.web1, { kind: "confirmed", release }, stdout);
    const { running, profile, bootDefault } = await host.triple();
    assert.deepEqual([running, profile, bootDefault], [release, release, release]);
  });

  test("what is kept is let go of at the end, on both sides; until then also what waits for its turn", async () => {
    await using scene = await Scene.open({ hosts: ["web1", "web2"] });
    const host = scene.host("web1");
    await scene.write({
      web1: { version: "2", behaviour: "slow", arguments: { seconds: 3 } },
      web2: { version: "2", bungee: { after: ["web1"] } },
    });
    const deploy = scene.start("deploy", "--all", "--report", "json");
    await untilState(host, "activating");
    const kept = await host.output("readlink /nix/var/nix/gcroots/bungee/*-release");
    await scene.deployer.output("nix-collect-garbage");
    await scene.deployer.output(["nix-store", "--check-validity", kept]);
    const { outcomes, stdout } = await finish(deploy);
    assert.deepEqual([outcomes.web1?.kind, outcomes.web2?.kind], ["confirmed", "confirmed"], stdout);
    await untilQuiet(host);
    assert.equal(await host.output("ls /nix/var/nix/gcroots/bungee"), "");
    assert.equal(await scene.deployer.output("ls -A .local/state/bungee/gcroots"), "");
    await scene.deployer.output("nix-collect-garbage");
    assert.notEqual(
      (await scene.deployer.run(["nix-store", "--check-validity", kept])).code,
      0,
      "of no use here any more",
    );
  });
});
