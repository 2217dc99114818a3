/** A hive of colmena is deployed as it stands, by one other command; what would go wrong with it is refused. */
import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type SystemSpec, writeFleet } from "../systems/fleet.ts";
import { type Deployment, finish, MAIN, Scene, skip } from "./scene.ts";

const FOLDER = "/root/hive";

async function write(scene: Scene, nodes: Readonly<Record<string, SystemSpec>>): Promise<void> {
  const directory = scene.deployer.path(FOLDER);
  await writeFleet(directory, { nodes });
  await cp(join(import.meta.dirname, "colmena", "flake.nix"), join(directory, "flake.nix"));
}

/** `bungee deploy …`, where the hive is. */
const deploy = (scene: Scene, ...words: string[]): Promise<Deployment> =>
  finish(scene.deployer.spawn(["node", MAIN, "deploy", ...words, "--report", "json"], { cwd: FOLDER }));

const kinds = ({ outcomes }: Deployment) =>
  Object.fromEntries(Object.entries(outcomes).map(([name, { kind }]) => [name, kind]));
const warnings = ({ events }: Deployment) =>
  events.flatMap((event) => (event.type === "notice" && event.level === "warning" ? [event.message] : []));
const all = ({ stdout, stderr }: Deployment) => stderr + stdout;

describe("a hive of colmena", { skip }, () => {
  test("is deployed as it stands, by its tags; what bungee cannot do for it is refused, or said", async (t) => {
    await using scene = await Scene.open({ hosts: ["web1", "web2"], hostRelease: "trixie", deployerRelease: "trixie" });
    const hosts = [scene.host("web1"), scene.host("web2")];
    const untouched = () => Promise.all(hosts.map((host) => host.output("ls -d /var/lib/bungee 2>/dev/null | wc -l")));
    await write(scene, { web1: { version: "h1" }, web2: { version: "h1" }, laptop: { version: "h1" } });

    for (const [words, message] of [
      [["--all"], /meta\.allowApplyAll is false: all hosts at once may not be deployed/],
      [["@web"], /these hosts have deployment\.keys, which bungee does not bring to them: web2 \(site\)/],
      [["laptop"], /laptop is disabled \(deployment\.targetHost = null/],
      [["@wbe"], /@wbe matches no node; did you mean @web\?/],
    ] as const) {
      await t.test(`${words} is refused, and no host is touched`, async () => {
        const refused = await deploy(scene, ...words);
        assert.equal(refused.code, 2, all(refused));
        assert.match(refused.stderr, message);
        assert.deepEqual(await untouched(), ["0", "0"]);
      });
    }

    await t.test("by its tags, without its keys", async () => {
      const deployed = await deploy(scene, "@infra-*", "--no-keys");
      assert.equal(deployed.code, 0, all(deployed));
      assert.deepEqual(kinds(deployed), { web1: "confirmed", web2: "confirmed" });
      for (const host of hosts) {
        const { running, profile, bootDefault } = await host.triple();
        assert.match(running ?? "", /nixos-system-web\d-h1$/);
        assert.deepEqual([profile, bootDefault], [running, running]);
      }
      const told = warnings(deployed);
      assert.equal(told.length, 2, told.join("\n"));
      assert.match(told.join("\n"), /^web2: deployment\.replaceUnknownProfiles = false: /m);
      assert.match(told.join("\n"), /^web2: deployment\.keys: bungee does not bring site to the host$/m);
      const [, { running }] = (await Promise.all(hosts.map((host) => host.triple()))) as [unknown, { running: string }];
      assert.notEqual(
        (await scene.deployer.run(["nix-store", "--check-validity", running])).code,
        0,
        "web2 built its own",
      );
    });

    await t.test("a node that cuts its network goes back", async () => {
      const web1 = scene.host("web1");
      const before = await web1.triple();
      await write(scene, { web1: { version: "h2", behaviour: "cuts-network" }, web2: { version: "h1" } });
      const deployed = await deploy(scene, "@web", "!web2", "--confirm-timeout", "8");
      assert.deepEqual([deployed.code, kinds(deployed)], [1, { web1: "rolled-back" }], all(deployed));
      assert.deepEqual(await web1.triple(), before);
    });
  });
});
