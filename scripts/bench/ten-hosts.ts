/**
 * Ten hosts whose systems take a second to activate, because a unit takes a second to start: brought to a new version, then deployed again
 * with nothing to do. Against the plain sequence, host after host.
 */
import { FLAKE, Scene } from "../../test/e2e/scene.ts";
import { countConnections } from "./connections.ts";
import { inTurns, median, seconds, type Turns } from "./repeat.ts";
import type { Measurement } from "./table.ts";

const NAMES = Array.from({ length: 10 }, (_, index) => `host${index}`);

/** As a person would write it, who logs in as root with a key, and has the host keys. */
const PLAIN = `
for host in ${NAMES.join(" ")}; do
  nix build --out-link ../result ".#nixosConfigurations.$host.config.system.build.toplevel"
  nix copy --no-check-sigs --to "ssh-ng://root@$host" ../result
  system=$(readlink ../result)
  ssh "root@$host" nix-env --profile /nix/var/nix/profiles/system --set "$system"
  ssh "root@$host" "$system/bin/switch-to-configuration" switch
done`;

export async function benchTenHosts(turns: number): Promise<Measurement[]> {
  await using bench = await TenHosts.open();
  const unchanged: { bungee: number[]; plain: number[] } = { bungee: [], plain: [] };
  const connections: number[] = [];
  const changed = await inTurns(
    turns,
    async () => {
      await bench.newVersion();
      const counting = await countConnections(bench.hosts);
      const took = await seconds(() => bench.byBungee("confirmed"));
      connections.push(...(await counting.end()));
      await bench.verify();
      unchanged.bungee.push(await seconds(() => bench.byBungee("unchanged")));
      return took;
    },
    async () => {
      await bench.newVersion();
      const took = await seconds(() => bench.byHand());
      await bench.verify();
      unchanged.plain.push(await seconds(() => bench.byHand()));
      return took;
    },
  );
  return [
    { key: "changed10", what: "10 hosts, changed", ...compare(changed), aim: { atMost: 0.35 } },
    { key: "unchanged10", what: "10 hosts, unchanged", ...compare(unchanged), aim: { atMost: 0.12 } },
    { key: "connectionsPerHost", what: "TCP connections per changed host", ...most(connections), aim: { exactly: 2 } },
  ];
}

class TenHosts implements AsyncDisposable {
  readonly #scene: Scene;
  #version = 1;

  private constructor(scene: Scene) {
    this.#scene = scene;
  }

  static async open(): Promise<TenHosts> {
    return new TenHosts(await Scene.open({ hosts: NAMES }));
  }

  get hosts() {
    return NAMES.map((name) => this.#scene.host(name));
  }

  /** Changes every node of the flake. */
  async newVersion(): Promise<void> {
    this.#version += 1;
    const spec = { version: String(this.#version), activationSeconds: 1 };
    await this.#scene.write(Object.fromEntries(NAMES.map((name) => [name, spec])));
  }

  async byBungee(expected: "confirmed" | "unchanged"): Promise<void> {
    const { stderr, outcomes } = await this.#scene.deploy("--all");
    for (const name of NAMES) {
      const kind = outcomes[name]?.kind;
      if (kind !== expected) throw new Error(`${name} should be ${expected}, and is ${kind}: ${stderr}`);
    }
  }

  async byHand(): Promise<void> {
    await this.#scene.deployer.output(PLAIN, { cwd: FLAKE });
  }

  async verify(): Promise<void> {
    for (const host of this.hosts) {
      const version = await host.output("cat /run/app/version");
      if (version !== String(this.#version))
        throw new Error(`${host.name} runs version ${version}, not ${this.#version}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scene[Symbol.asyncDispose]();
  }
}

function compare(turns: Turns): Pick<Measurement, "bungee" | "plain" | "value" | "unit"> {
  const [bungee, plain] = [median(turns.bungee), median(turns.plain)];
  return { bungee: `${bungee.toFixed(2)} s`, plain: `${plain.toFixed(2)} s`, value: bungee / plain, unit: "×" };
}

function most(counts: readonly number[]): Pick<Measurement, "bungee" | "value"> {
  const value = Math.max(...counts);
  return { bungee: String(value), value };
}
