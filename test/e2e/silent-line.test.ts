/** A line that falls silent in the middle of a copy or a build: nobody tells the host, which goes on holding what was on its way. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Release, releases } from "../lab/rootfs.ts";
import { DeployUserScene } from "./deploy-user.ts";
import { type Deployment, finish, Scene, skip } from "./scene.ts";

/** Swallows all of the connections that there are, both ways and for ever, and nothing of those that come. */
const SWALLOW = `
  ports=$(ss -Htn state established 'sport = :22' | awk '{ print $4 }' | sed 's/.*://' | sort -u | paste -sd,)
  nft -f - <<END
  table ip silent {
    chain in { type filter hook input priority 0; tcp dport 22 tcp sport { $ports } drop; }
    chain out { type filter hook output priority 0; tcp sport 22 tcp dport { $ports } drop; }
  }
END`;

/** Nix runs it after each derivation, and does nothing else meanwhile. */
const HOOK = `#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
[ ! -e /run/silent ] || exit 0
: >/run/silent
${SWALLOW}
sleep 300
`;

/** Deploys all, and takes the line away from `copies` when a part of the copy is there. */
async function deploySilenced(scene: Scene, copies: readonly string[]): Promise<Deployment> {
  for (const name of copies) await scene.host(name).limit({ mbit: 4 });
  const running = scene.start("deploy", "--all", "--report", "json");
  await Promise.all(
    copies.map(async (name) => {
      const isCopying = new RegExp(`"node":"${name}","stage":"copy","done":\\d{6}`);
      while (!isCopying.test(running.stdout) && running.alive) await pause(20);
      await scene.host(name).output(SWALLOW);
      await scene.host(name).limit({});
    }),
  );
  return await finish(running);
}

function goesOn({ outcomes, events, stdout, stderr }: Deployment, name: string): void {
  assert.equal(outcomes[name]?.kind, "confirmed", stdout + stderr);
  const isAgain = /^the connection to .* is lost: nothing came from the host for \d+ s; trying again$/;
  const resumed = events.filter((event) => event.type === "log" && event.node === name && isAgain.test(event.line));
  assert.equal(resumed.length, 1, stdout + stderr);
}

describe("a line that falls silent", { skip, concurrency: true }, () => {
  for (const release of releases) {
    describe(`an operator's, ${release}`, { concurrency: 1 }, () => operators(release));
    describe(`a deploy user's, ${release}`, { concurrency: 1 }, () => deployUsers(release));
  }
});

function operators(hostRelease: Release): void {
  let scene: Scene;
  let deployment: Deployment;

  before(async () => {
    scene = await Scene.open({ hosts: ["web1", "web2", "db"], hostRelease });
    await scene.write({
      web1: { version: "2", payloadKiB: 8192 },
      web2: { version: "2", payloadKiB: 8192, bungee: { ssh: "openssh" } },
      db: { version: "2", bungee: { build: "target" } },
    });
    const db = scene.host("db");
    await db.output("cat >/root/hook; chmod 755 /root/hook", { stdin: HOOK });
    await db.output("echo post-build-hook = /root/hook >>/etc/nix/nix.conf");
    deployment = await deploySilenced(scene, ["web1", "web2"]);
  });
  after(() => scene?.[Symbol.asyncDispose]());

  for (const [name, what] of [
    ["web1", "in a copy over ssh2"],
    ["web2", "in a copy over openssh"],
    ["db", "in a build on the host"],
  ] as const)
    test(`${what}: it goes on over a new one, and waits for nothing of the old one`, () => goesOn(deployment, name));
}

function deployUsers(hostRelease: Release): void {
  test("in a copy: the host's sshd ends it", { timeout: 240_000 }, async () => {
    await using ours = await DeployUserScene.open({ hosts: ["web1"], hostRelease }, { trusted: true });
    await ours.make("web1", ours.spec({ version: "2", payloadKiB: 8192 }, { trusted: true }));
    goesOn(await deploySilenced(ours.scene, ["web1"]), "web1");
  });
}
