/** What a tired person types, and what a program reads: nothing is guessed, and every ending has an exit code of its own. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertUnchanged, Scene, skip } from "../scene.ts";

describe("P20: no footguns", { skip }, () => {
  let scene: Scene;
  const HOSTS = ["db", "web1", "web2"];
  before(async () => {
    scene = await Scene.open({ hosts: HOSTS });
  });
  after(() => scene?.[Symbol.asyncDispose]());

  const fleet = (more: Readonly<Record<string, object>> = {}) =>
    scene.write(Object.fromEntries(HOSTS.map((name) => [name, { version: "2", ...more[name] }])));
  const snapshots = () => Promise.all(HOSTS.map((name) => scene.host(name).snapshot()));
  const untouched = async (since: readonly string[]) => {
    for (const [index, now] of (await snapshots()).entries()) assertUnchanged(since[index]!, now);
  };
  const bungee = async (...words: string[]) => {
    const running = scene.start(...words);
    running.child.stdin?.end();
    return await running.result;
  };

  test("nobody chosen: without a terminal an error, on a terminal a question; nothing is deployed", async () => {
    await fleet();
    const since = await snapshots();
    const alone = await bungee("deploy");
    assert.equal(alone.code, 2, alone.stdout);
    assert.match(alone.stderr, /no host is chosen/);
    const asked = await scene.deployer.run(["script", "-qec", "bungee deploy", "/dev/null"], {
      cwd: "/root/fleet",
      stdin: "\r",
    });
    assert.match(asked.stdout, /1 +db[\s\S]*2 +web1[\s\S]*3 +web2[\s\S]*Which hosts\?/);
    assert.equal(asked.code, 130, asked.stdout);
    await untouched(since);
  });

  test("a plan is shown on a terminal before anything is done, and anything but yes is no", async () => {
    await fleet();
    const since = await snapshots();
    const { stdout, code } = await scene.deployer.run(["script", "-qec", "bungee deploy --all", "/dev/null"], {
      cwd: "/root/fleet",
      stdin: "\r",
    });
    assert.match(stdout, /\[y\/N\]/);
    assert.notEqual(code, 0);
    await untouched(since);
  });

  for (const [what, bungeeSettings, said] of [
    ["a setting that does not exist", { activation: { timout: 5 } }, /activation\.timout.*timeout/],
    ["a group that does not exist", { confirmatoin: { timeout: 5 } }, /bungee\.confirmatoin.*confirmation/],
    ["a node that does not exist", { after: ["bd"] }, /"bd" is not a node.*db/],
  ] as const) {
    test(`${what} is an error that names the nearest one, and nothing is deployed`, async () => {
      await fleet({ web1: { bungee: bungeeSettings } });
      const since = await snapshots();
      const { code, stderr } = await bungee("deploy", "--all");
      assert.equal(code, 2);
      assert.match(stderr, said);
      await untouched(since);
    });
  }

  test("a name that no node has, a flag that does not exist, contradictions: exit 2, and nothing is deployed", async () => {
    await fleet();
    const since = await snapshots();
    for (const [words, said] of [
      [["deploy", "web3"], /web3[\s\S]*web[12]/],
      [["deploy", "web1", "--dryrun"], /dry-run/],
      [["deploy", "web1", "--all"], /different things/],
      [["deploy", "--all", "--action", "swich"], /switch/],
    ] as const) {
      const { code, stderr } = await bungee(...words);
      assert.equal(code, 2, words.join(" "));
      assert.match(stderr, said);
    }
    await untouched(since);
  });

  test("the order is the same each time, whoever is ready first", async () => {
    await fleet({ db: { bungee: { after: ["web2"] } } });
    const orders = [];
    for (const parallel of ["1", "10"]) {
      const { events } = await scene.deploy("--all", "--action", "build", "--parallel", parallel);
      const last = events.at(-1);
      assert.equal(last?.type, "deployment-finished");
      orders.push(Object.keys(last.type === "deployment-finished" ? last.outcomes : {}));
    }
    assert.deepEqual(orders, Array(2).fill(["web1", "web2", "db"]));
  });

  test("exit codes tell the endings apart", async () => {
    await fleet();
    assert.equal((await scene.deploy("db")).code, 0, "deployed");
    assert.equal((await scene.deploy("db")).code, 0, "unchanged");
    await fleet({ web1: { behaviour: "exits-after" } });
    assert.equal((await scene.deploy("web1")).code, 1, "rolled back");
    assert.equal((await scene.deploy("web1", "--no-rollback")).code, 3, "a person must look");
    assert.equal((await bungee("deploy", "--no-such-flag")).code, 2, "usage");
  });
});
