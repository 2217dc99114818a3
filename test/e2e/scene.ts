/** What every end-to-end test needs: hosts with a first system on them, a deployer, and bungee run as a person runs it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Event } from "../../src/run/events.ts";
import type { Outcome } from "../../src/run/outcome.ts";
import { copyClosure } from "../lab/closure.ts";
import type { Host } from "../lab/host.ts";
import type { Running } from "../lab/inside.ts";
import { type Lab, openLab } from "../lab/lab.ts";
import { probe } from "../lab/probe.ts";
import type { Release } from "../lab/rootfs.ts";
import { checkout, type Workstation } from "../lab/workstation.ts";
import { type SystemSpec, toplevelOf, writeFleet } from "../systems/fleet.ts";

/** Where the fleet stands on the deployer. */
export const FLAKE = "/root/fleet";
export const MAIN = join(checkout, "src", "main.ts");

const verdict = await probe();
/** For a test's options: why it cannot run on this machine, else false. */
export const skip = verdict.ok ? false : verdict.why;

export interface SceneOptions {
  readonly hosts: readonly string[];
  readonly hostRelease?: Release;
  readonly deployerRelease?: Release;
  /** False leaves the hosts as Debian made them: without any system to come back to. */
  readonly installed?: boolean;
}

export interface Deployment {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly events: readonly Event[];
  readonly outcomes: Readonly<Record<string, Outcome>>;
}

export class Scene implements AsyncDisposable {
  readonly lab: Lab;
  readonly deployer: Workstation;
  readonly hosts: ReadonlyMap<string, Host>;

  private constructor(lab: Lab, deployer: Workstation, hosts: ReadonlyMap<string, Host>) {
    this.lab = lab;
    this.deployer = deployer;
    this.hosts = hosts;
  }

  static async open(options: SceneOptions): Promise<Scene> {
    const lab = await openLab();
    const release = options.hostRelease ?? "bookworm";
    const [hosts, deployer] = await Promise.all([
      lab.up(options.hosts, { release }),
      lab.workstation({ release: options.deployerRelease ?? "bookworm" }),
    ]);
    const scene = new Scene(lab, deployer, new Map(hosts.map((host) => [host.name, host])));
    if (options.installed !== false) await scene.install(Object.fromEntries(options.hosts.map((name) => [name, {}])));
    return scene;
  }

  host(name: string): Host {
    const host = this.hosts.get(name);
    assert.ok(host, `no host ${name} in this scene`);
    return host;
  }

  /** Writes the fleet; a node's address is its host's name, and its timeouts are a test's. */
  async write(nodes: Readonly<Record<string, SystemSpec>>, directory = FLAKE): Promise<void> {
    const patient = Object.entries(nodes).map(([name, spec]) => [
      name,
      { ...spec, bungee: { ...TIMEOUTS, ...spec.bungee } },
    ]);
    await writeFleet(this.deployer.path(directory), { nodes: Object.fromEntries(patient) });
  }

  /** Builds a node's system on the deployer, without bungee. */
  async build(name: string): Promise<string> {
    return (await this.#built([name]))[0]!;
  }

  async #built(names: readonly string[]): Promise<string[]> {
    const attributes = names.map((name) => `path:${FLAKE}#${toplevelOf(name)}`);
    const built = await this.deployer.output(["nix", "build", "--json", "--no-link", ...attributes]);
    return (JSON.parse(built) as { outputs: { out: string } }[]).map(({ outputs }) => outputs.out);
  }

  /** The factory system: put there without bungee. */
  async install(nodes: Readonly<Record<string, SystemSpec>>): Promise<void> {
    await this.write(nodes);
    const names = Object.keys(nodes);
    // In one call: to start, nix takes as long as for one of them. It names them in an order of its own.
    const built = await this.#built(names);
    const toplevels = names.map((name) => {
      const { hostName = name, version = "1" } = nodes[name]!;
      const own = built.filter((path) => path.endsWith(`-nixos-system-${hostName}-${version}`));
      assert.equal(own.length, 1, `${name}: ${built}`);
      return own[0]!;
    });
    await Promise.all(names.map((name, index) => this.host(name).install(toplevels[index]!, this.deployer)));
  }

  /** Copies a node's system into its host's store, without bungee, and nothing more. Gives its path. */
  async deliver(name: string, spec: SystemSpec): Promise<string> {
    await this.write({ [name]: spec });
    const toplevel = await this.build(name);
    await copyClosure(toplevel, this.deployer, this.host(name));
    return toplevel;
  }

  /** Starts bungee in the deployer, its report as JSON; the caller waits, or kills it. */
  start(...words: string[]): Running {
    return this.deployer.spawn(["node", MAIN, ...words], { cwd: FLAKE });
  }

  /** `bungee deploy … --report json`, to its end. */
  async deploy(...words: string[]): Promise<Deployment> {
    return await finish(this.start("deploy", ...words, "--report", "json"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab.close();
  }
}

const TIMEOUTS = { activation: { timeout: 60 }, confirmation: { timeout: 8 } };

export async function finish(running: Running): Promise<Deployment> {
  running.child.stdin?.end();
  const { code, stdout, stderr } = await running.result;
  const events = eventsOf(stdout);
  const last = events.findLast((event) => event.type === "deployment-finished");
  return { code, stdout, stderr, events, outcomes: last?.outcomes ?? {} };
}

export function eventsOf(stdout: string): Event[] {
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Event);
}

/** Compares two snapshots of a host, and shows only what differs. */
export function assertUnchanged(before: string, after: string): void {
  const [was, is] = [before, after].map((snapshot) => new Set(snapshot.split("\n")));
  assert.deepEqual({ gone: [...was!.difference(is!)], came: [...is!.difference(was!)] }, { gone: [], came: [] });
}

/** Waits until a host's current run is in one of these states. */
export async function untilState(host: Host, ...states: string[]): Promise<void> {
  const wanted = states.map((state) => `/var/lib/bungee/current/state/${state}`).join(" ");
  await host.output(
    `for i in $(seq 1 3600); do for f in ${wanted}; do [ ! -e $f ] || exit 0; done; sleep 0.05; done; exit 1`,
  );
}

/** Waits until no run holds a host, and the units of the last are gone. */
export async function untilQuiet(host: Host): Promise<void> {
  await host.output(`
    for i in $(seq 1 900); do
      [ -L /var/lib/bungee/current ] || ls /run/systemd/transient/bungee-* >/dev/null 2>&1 || exit 0
      sleep 0.1
    done
    exit 1`);
}
