/**
 * Profiles as deploy-rs has them, through the deployer: a system in its wrapper is a system as every other, and each profile besides it
 * is confirmed or gone back from on its own.
 */
import assert from "node:assert/strict";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Profile } from "../../src/fleet/node.ts";
import type { Action, Reboot } from "../../src/run/outcome.ts";
import type { Host } from "../lab/host.ts";
import { toplevelOf, writeFleet } from "../systems/fleet.ts";
import { type Deployment, finish, Scene, skip } from "./scene.ts";

/** What deploy.ts is told. */
export interface Asked {
  readonly id: string;
  readonly flake: string;
  readonly nodes: readonly AskedNode[];
  readonly action?: Action;
  readonly reboot?: Reboot;
  readonly confirmationTimeout?: number;
}
interface AskedNode {
  readonly name: string;
  readonly address: string;
  readonly profile: Profile | null;
  /** Which of the flake's profiles. */
  readonly of: string;
  readonly after?: readonly string[];
  readonly build?: "local" | "target";
}
/** `wraps`: a system of the flake's; else a profile of its own, which runs `program`. */
type Spec = { readonly wraps: string } | { readonly version: string; readonly program?: string };

const HERE = join(import.meta.dirname, "profiles");
const BLOG: Profile = { name: "blog", user: "root", path: null };
const HOME: Profile = { name: "home", user: "alice", path: null };
const LINKS = { blog: "/nix/var/nix/profiles/per-user/root/blog", home: "/home/alice/.local/state/nix/profiles/home" };
const touch = (file: string) => `echo "$PROFILE" >$HOME/${file}`;

class Fleet {
  readonly scene: Scene;
  readonly host: Host;
  readonly #flake: string;
  #serial = 0;

  constructor(scene: Scene, host: string) {
    this.scene = scene;
    this.host = scene.host(host);
    this.#flake = `/root/profiles-${host}`;
  }

  async write(version: string, profiles: Readonly<Record<string, Spec>>): Promise<void> {
    const directory = this.scene.deployer.path(this.#flake);
    await writeFleet(directory, { nodes: { [this.host.name]: { version: `p${version}` } } });
    await copyFile(join(HERE, "flake.nix"), join(directory, "flake.nix"));
    await writeFile(join(directory, "profiles.json"), JSON.stringify(profiles));
  }

  async toplevel(): Promise<string> {
    return await this.#outPath(toplevelOf(this.host.name));
  }

  async built(profile: string): Promise<string> {
    return await this.#outPath(`profiles.${profile}`);
  }

  async #outPath(attribute: string): Promise<string> {
    return await this.scene.deployer.output(["nix", "eval", "--raw", `path:${this.#flake}#${attribute}.outPath`]);
  }

  async deploy(nodes: readonly Omit<AskedNode, "address">[], more: Partial<Asked> = {}): Promise<Deployment> {
    this.#serial += 1;
    const asked: Asked = {
      id: `${this.host.name}${this.#serial}`,
      flake: this.#flake,
      nodes: nodes.map((node) => ({ ...node, address: this.host.address })),
      ...more,
    };
    return await finish(this.scene.deployer.spawn(["node", join(HERE, "deploy.ts"), JSON.stringify(asked)]));
  }

  async at(link: string): Promise<string> {
    return await this.host.output(`[ ! -e ${link} ] || readlink -f ${link}`);
  }

  async read(file: string): Promise<string> {
    return await this.host.output(`cat ${file} 2>/dev/null || true`);
  }

  /** Whether the host has a store path. */
  async has(path: string): Promise<boolean> {
    return (await this.host.run(["nix-store", "--check-validity", path])).code === 0;
  }
}

const kinds = ({ outcomes }: Deployment) =>
  Object.fromEntries(Object.entries(outcomes).map(([name, { kind }]) => [name, kind]));
const all = ({ stdout, stderr }: Deployment) => stderr + stdout;

const ALL = [
  { name: "web1", profile: null, of: "system" },
  { name: "web1.blog", profile: BLOG, of: "blog", after: ["web1"] },
  { name: "web1.home", profile: HOME, of: "home", after: ["web1.blog"] },
] as const;

describe("profiles of deploy-rs", { skip, concurrency: false }, () => {
  test("each is confirmed, or gone back from, on its own", async (t) => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    const fleet = new Fleet(scene, "web1");
    const { host } = fleet;
    const specs = (version: string, more: Readonly<Record<string, Spec>> = {}) => ({
      system: { wraps: "web1" },
      blog: { version, program: `${touch("blog")}; ip link set host0 up` },
      home: { version, program: touch("home") },
      ...more,
    });

    await t.test("a system in its wrapper, and two profiles, one after the other", async () => {
      await fleet.write("1", specs("1"));
      const deployed = await fleet.deploy(ALL);
      assert.equal(deployed.code, 0, all(deployed));
      assert.deepEqual(kinds(deployed), { web1: "confirmed", "web1.blog": "confirmed", "web1.home": "confirmed" });
      const system = await fleet.toplevel();
      const { running, profile, bootDefault } = await host.triple();
      assert.deepEqual([running, profile, bootDefault], [system, system, system]);
      assert.equal(await fleet.has(await fleet.built("system")), false, "the wrapper stays on the deployer");
      assert.equal(await fleet.at(LINKS.blog), await fleet.built("blog"));
      assert.equal(await fleet.at(LINKS.home), await fleet.built("home"));
      assert.equal(await fleet.read("/home/alice/home"), await fleet.built("home"));
    });

    await t.test("what is there is unchanged, also where the wrapper has to be built first", async () => {
      await scene.deployer.output(["nix-store", "--delete", await fleet.built("system")]);
      const again = await fleet.deploy(ALL);
      assert.equal(again.code, 0, all(again));
      assert.deepEqual(kinds(again), { web1: "unchanged", "web1.blog": "unchanged", "web1.home": "unchanged" });
      assert.equal(await host.output("wc -l </var/lib/bungee/history"), "3");
    });

    await t.test("a later one that fails goes back, and leaves alone what was confirmed before it", async () => {
      const before = await fleet.built("home");
      await fleet.write("2", specs("2", { home: { version: "2", program: `${touch("home")}; exit 3` } }));
      const deployed = await fleet.deploy(ALL);
      assert.equal(deployed.code, 1, all(deployed));
      assert.deepEqual(kinds(deployed), { web1: "confirmed", "web1.blog": "confirmed", "web1.home": "rolled-back" });
      const home = deployed.outcomes["web1.home"];
      assert.ok(home?.kind === "rolled-back" && home.verified, JSON.stringify(home));
      assert.deepEqual([home.restored.profile, home.profile], [before, "home"]);
      assert.match(home.why.message, /deploy-rs-activate exited with 3/);
      assert.equal((await host.triple()).profile, await fleet.toplevel());
      assert.equal(await fleet.at(LINKS.blog), await fleet.built("blog"));
      assert.equal(await fleet.at(LINKS.home), before);
      assert.equal(await fleet.read("/home/alice/home"), before, "what was there was activated again");
    });

    await t.test("one that cuts the network goes back by itself", async () => {
      const before = await fleet.built("blog");
      await fleet.write(
        "3",
        specs("3", { blog: { version: "3", program: `${touch("blog")}; ip link set host0 down` } }),
      );
      const deployed = await fleet.deploy([ALL[1]], { confirmationTimeout: 8 });
      assert.equal(deployed.code, 1, all(deployed));
      const blog = deployed.outcomes["web1.blog"];
      assert.ok(blog?.kind === "rolled-back" && blog.verified && blog.why.code === "unconfirmed", JSON.stringify(blog));
      assert.deepEqual([await fleet.at(LINKS.blog), await fleet.read("/root/blog")], [before, before]);
    });

    await t.test("without anything to go back to, nobody claims that it went back", async () => {
      const profile = { ...BLOG, name: "new" };
      await fleet.write("4", specs("4", { new: { version: "1", program: "exit 1" } }));
      const deployed = await fleet.deploy([{ name: "web1.new", profile, of: "new" }]);
      assert.equal(deployed.code, 3, all(deployed));
      const outcome = deployed.outcomes["web1.new"];
      assert.ok(outcome?.kind === "unknown", JSON.stringify(outcome));
      assert.match(outcome.why.message, /there was no profile new before, so nothing undoes/);
      assert.equal(outcome.lastSeen, "profile new leads to nothing");
    });

    await t.test("a boot is refused, and a dry run activates nothing", async () => {
      await fleet.write("5", specs("5"));
      const before = await host.output("cat /var/lib/bungee/history");
      for (const more of [{ action: "boot" }, { action: "switch", reboot: "always" }] as const) {
        const deployed = await fleet.deploy([ALL[1]], more);
        assert.equal(deployed.code, 1, all(deployed));
        const blog = deployed.outcomes["web1.blog"];
        assert.ok(
          blog?.kind === "failed" && blog.why.message.includes("profile blog is not the system: it has no boot"),
        );
      }
      const previewed = await fleet.deploy([ALL[0], ALL[2]], { action: "dry-activate" });
      assert.deepEqual(kinds(previewed), { web1: "previewed", "web1.home": "previewed" });
      assert.equal(await host.output("cat /var/lib/bungee/history"), before);
    });

    await t.test("a system that is not the host's own profile is tried, and never made permanent", async () => {
      const guinea = [{ name: "web1.guinea", profile: { ...BLOG, name: "guinea" }, of: "system" }];
      const before = await host.triple();
      const refused = await fleet.deploy(guinea);
      assert.equal(refused.code, 1, all(refused));
      assert.equal(refused.outcomes["web1.guinea"]?.kind, "failed");
      const tried = await fleet.deploy(guinea, { action: "test" });
      assert.equal(tried.code, 0, all(tried));
      const now = await host.triple();
      assert.deepEqual(now, { ...before, running: await fleet.toplevel() });
    });
  });

  test("built on the host itself; and what is no system, as the system profile", async () => {
    await using scene = await Scene.open({ hosts: ["web2"], hostRelease: "trixie" });
    const fleet = new Fleet(scene, "web2");
    await fleet.write("1", {
      system: { wraps: "web2" },
      blog: { version: "1", program: touch("blog") },
      custom: { version: "1", program: touch("custom") },
    });
    const deployed = await fleet.deploy([
      { name: "web2", profile: null, of: "system", build: "target" },
      { name: "web2.blog", profile: BLOG, of: "blog", build: "target", after: ["web2"] },
    ]);
    assert.equal(deployed.code, 0, all(deployed));
    const system = await fleet.toplevel();
    const { running, profile, bootDefault } = await fleet.host.triple();
    assert.deepEqual([running, profile, bootDefault], [system, system, system]);
    assert.equal(await fleet.at(LINKS.blog), await fleet.built("blog"));

    for (const [index, profile] of [null, { ...BLOG, name: "system" }].entries()) {
      const custom = [{ name: "web2", profile, of: "custom" }];
      const refused = await fleet.deploy(custom, { action: "boot" });
      const { web2 } = refused.outcomes;
      assert.ok(web2?.kind === "failed" && web2.why.message.includes("it has no boot"), all(refused));
      const done = await fleet.deploy(custom);
      assert.deepEqual(kinds(done), { web2: index === 0 ? "confirmed" : "unchanged" }, all(done));
    }
    const now = await fleet.host.triple();
    assert.deepEqual([now.running, now.profile], [system, await fleet.built("custom")]);
    assert.equal(await fleet.read("/root/custom"), await fleet.built("custom"));
  });
});
