/** A line that falls silent in the middle of a copy or a build: nobody tells the host, which goes on holding what was on its way. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Release, releases } from "../lab/rootfs.ts";
import { DeployUserScene } from "./deploy-user.ts";
import { deployAndStrike, hookAfterBuilds } from "./mid-copy.ts";
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

const HOOK = `
PATH=/usr/sbin:/usr/bin:/sbin:/bin
[ ! -e /run/silent ] || exit 0
: >/run/silent
${SWALLOW}
sleep 300
`;

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

  // Longer than a deployer waits twice: it goes on telling the host that it is there.
  test("a build on the host in which nothing is said for long is nobody's leftover", async () => {
    await using scene = await Scene.open({ hosts: ["db"] });
    await scene.write({ db: { version: "2", bungee: { build: "target" } } });
    await hookAfterBuilds(scene.host("db"), "[ -e /run/slept ] || { : >/run/slept; sleep 75; }");
    const { outcomes, stdout, stderr } = await scene.deploy("--all");
    assert.equal(outcomes.db?.kind, "confirmed", stdout + stderr);
    assert.doesNotMatch(stdout, /trying again|fell silent/);
  });
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
    await hookAfterBuilds(scene.host("db"), HOOK);
    deployment = await finish(await deployAndStrike(scene, ["web1", "web2"], SWALLOW));
  });
  after(() => scene?.[Symbol.asyncDispose]());

  for (const [name, what] of [
    ["web1", "in a copy over ssh2"],
    ["web2", "in a copy over openssh"],
    ["db", "in a build on the host"],
  ] as const)
    test(`${what}: it goes on over a new one, and waits for nothing of the old one`, () => goesOn(deployment, name));

  test("in a copy of a deployment that is killed then: the next one ends what it has left", async () => {
    await scene.write({ web1: { version: "3", payloadKiB: 8192 } });
    const killed = await deployAndStrike(scene, ["web1"], SWALLOW);
    assert.ok(await killed.kill("SIGKILL"));
    await killed.result;
    const { outcomes, stdout, stderr } = await scene.deploy("web1");
    assert.equal(outcomes.web1?.kind, "confirmed", stdout + stderr);
    assert.match(stdout, /a line that fell silent had left on the host held the store/);
  });
}

function deployUsers(hostRelease: Release): void {
  test("in a copy: the host's sshd ends it", { timeout: 240_000 }, async () => {
    await using ours = await DeployUserScene.open({ hosts: ["web1"], hostRelease }, { trusted: true });
    await ours.make("web1", ours.spec({ version: "2", payloadKiB: 8192 }, { trusted: true }));
    goesOn(await finish(await deployAndStrike(ours.scene, ["web1"], SWALLOW)), "web1");
  });
}
