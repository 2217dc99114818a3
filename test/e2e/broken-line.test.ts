/** A line that breaks in the middle of a copy, or of a build on the host: it goes on over a new one, or the line is what is told of. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deployAndStrike, hookAfterBuilds } from "./mid-copy.ts";
import { type Deployment, finish, Scene, skip } from "./scene.ts";

/** Ends every session that there is, and not the sshd that listens. */
const BREAK = `
  for session in $(grep -lx sshd /proc/[0-9]*/comm | cut -d/ -f3); do
    [ "$session" = "$(systemctl show --property MainPID --value ssh)" ] || kill -KILL "$session"
  done`;

const COPIES = ["web1", "web2"];
/** Nix does not go on while its hook runs: not a derivation is built until it has noticed that the line is gone. */
const BREAK_AND_WAIT = `${BREAK}; sleep 30`;

/** Whose line breaks in the middle of a build, once and each time. */
const BUILDS = { db1: `[ ! -e /run/broken ] || exit 0; : >/run/broken; ${BREAK_AND_WAIT}`, db2: BREAK_AND_WAIT };

describe("a line that breaks", { skip }, () => {
  let scene: Scene;
  let deployment: Deployment;

  before(async () => {
    scene = await Scene.open({ hosts: [...COPIES, ...Object.keys(BUILDS)] });
    await scene.write({
      web1: { version: "2", payloadKiB: 8192 },
      web2: { version: "2", payloadKiB: 8192, bungee: { ssh: "openssh" } },
      db1: { version: "2", bungee: { build: "target" } },
      db2: { version: "2", bungee: { build: "target" } },
    });
    // nix runs it after each derivation: a system is made of several.
    for (const [name, hook] of Object.entries(BUILDS)) await hookAfterBuilds(scene.host(name), hook);
    deployment = await finish(await deployAndStrike(scene, COPIES, BREAK));
  });
  after(() => scene?.[Symbol.asyncDispose]());

  const resumed = (name: string) =>
    deployment.events.filter(
      (event) =>
        event.type === "log" &&
        event.node === name &&
        /^the connection to .* is lost: .*; trying again$/.test(event.line),
    ).length;

  for (const [name, what] of [
    ["web1", "in a copy over ssh2"],
    ["web2", "in a copy over openssh"],
    ["db1", "in a build on the host"],
  ] as const) {
    test(`${what}: it goes on over a new one`, async () => {
      assert.equal(deployment.outcomes[name]?.kind, "confirmed", deployment.stdout + deployment.stderr);
      assert.equal(resumed(name), 1);
      assert.equal(await scene.host(name).output("cat /run/app/version"), "2");
    });
  }

  test("in a build on the host, each time: that is told, and not that the build failed", async () => {
    const { db2 } = deployment.outcomes;
    assert.ok(db2?.kind === "failed", JSON.stringify(db2));
    assert.equal(db2.why.code, "connection-lost");
    assert.match(db2.why.message, /^the connection to db2 at db2 is lost/);
    assert.equal(resumed("db2"), 1, "once more, and not again");
    assert.equal(await scene.host("db2").output("cat /run/app/version"), "1");
  });
});
