/** Nothing of a run stands in /tmp, and a state directory without room refuses the run before anything is touched. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { State } from "../../lab/state.ts";
import { type Deployment, Scene, skip } from "../scene.ts";

const full = (directory: string) => `mount -t tmpfs -o mode=1777,size=4k tmp ${directory}
  head -c 4096 /dev/zero >${directory}/filler
  ! cp /proc/version ${directory}/more`;
const noInodes = (directory: string) => `mount -t tmpfs -o mode=1777,size=1m,nr_inodes=2 tmp ${directory}
  : >${directory}/filler
  ! touch ${directory}/more`;
const everywhere = (how: (directory: string) => string) => ["/tmp", "/var/tmp", "/dev/shm"].map(how).join("\n");

/** Names that a tool like this one might take, each somebody else's: files, and a directory that cannot be entered. */
const TAKEN = `for place in /tmp /var/tmp /dev/shm; do
    for name in bungee bungee-activator bungee-run bungee-guard nix bungee.lock deploy nixos-rebuild switch; do
      : >$place/$name
    done
    mkdir -m 700 $place/bungee-run-1 $place/.bungee
  done`;

describe("P15: nothing depends on /tmp", { skip }, () => {
  const breaks = {
    web1: { how: everywhere(full), ends: "confirmed" },
    web2: { how: everywhere(noInodes), ends: "confirmed" },
    web3: { how: TAKEN, ends: "confirmed" },
    web4: { how: `mkdir -m 700 /var/lib/bungee\n${full("/var/lib/bungee")}`, ends: "failed" },
    web5: { how: `mkdir -m 700 /var/lib/bungee\n${noInodes("/var/lib/bungee")}`, ends: "failed" },
  } as const;
  const names = Object.keys(breaks) as (keyof typeof breaks)[];
  const earlier = new Map<string, State>();
  let scene: Scene;
  let deployment: Deployment;

  before(async () => {
    scene = await Scene.open({ hosts: names });
    for (const name of names) {
      const host = scene.host(name);
      await host.output(breaks[name].how, name === "web3" ? { user: "alice" } : {});
      earlier.set(name, await host.triple());
    }
    await scene.write(Object.fromEntries(names.map((name) => [name, { version: "2" }])));
    deployment = await scene.deploy("--all");
  });
  after(() => scene?.[Symbol.asyncDispose]());

  const confirmed = async (name: string) => {
    assert.equal(deployment.outcomes[name]?.kind, "confirmed", JSON.stringify(deployment.outcomes[name]));
    assert.equal(await scene.host(name).output("cat /run/app/version"), "2");
  };
  const refused = async (name: string) => {
    const outcome = deployment.outcomes[name];
    assert.ok(outcome?.kind === "failed" && outcome.why.code === "refused", JSON.stringify(outcome));
    assert.match(outcome.why.message, /cannot write \/var\/lib\/bungee/);
    assert.deepEqual(await scene.host(name).triple(), earlier.get(name));
    assert.equal(await scene.host(name).output("cat /run/app/version"), "1");
    assert.equal(await scene.host(name).output("ls /var/lib/bungee | grep -c current || :"), "0");
  };

  test("full", () => confirmed("web1"));
  test("out of inodes", () => confirmed("web2"));
  test("with every likely name taken by somebody else", () => confirmed("web3"));
  test("a full state directory: refused, and nothing was touched", () => refused("web4"));
  test("a state directory without inodes: refused, and nothing was touched", () => refused("web5"));
});
