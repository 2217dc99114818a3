/** The hosts and deployers of a chaos: hosts are made as they are needed, and used again by later runs. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Host } from "../lab/host.ts";
import type { Running } from "../lab/inside.ts";
import { type Lab, openLab } from "../lab/lab.ts";
import { type Release, releases } from "../lab/rootfs.ts";
import { checkout, type Workstation } from "../lab/workstation.ts";
import { toplevelOf, writeFleet } from "../systems/fleet.ts";
import { chaosNodes, FACTORY, nodeOf, PLACES, SYSTEMS, type System } from "./systems.ts";

const FLAKE = "/root/fleet";
const MAIN = join(checkout, "src", "main.ts");
/** Room for all systems there are; `fills-disk` fills memory with what is left. */
const HOST_DISK = 300 * 1024 * 1024;

/** Lets a deployer see, by the names of its places, the hosts it is meant for and nobody else. */
const SEES = `mount --bind "$1/hosts" /etc/hosts
mount --bind "$1/known_hosts" /root/.ssh/known_hosts
shift
exec "$@"`;

export interface Wanted {
  readonly release: Release;
  /** Whether little has to be done before it is what the run begins with. */
  readonly fits: (host: Host) => boolean;
}

export class Field implements AsyncDisposable {
  /** Of every system that can be built. */
  readonly toplevels: ReadonlyMap<System, string>;
  readonly #lab: Lab;
  readonly #deployers: Readonly<Record<Release, Workstation>>;
  /** The closures of all factory systems, as nix-store exports them. */
  readonly #factory: Buffer;
  readonly #free: Host[] = [];
  #hostsEver = 0;
  #deploymentsEver = 0;

  private constructor(
    lab: Lab,
    deployers: Readonly<Record<Release, Workstation>>,
    toplevels: ReadonlyMap<System, string>,
    factory: Buffer,
  ) {
    this.#lab = lab;
    this.#deployers = deployers;
    this.toplevels = toplevels;
    this.#factory = factory;
  }

  static async open(): Promise<Field> {
    const lab = await openLab();
    const [bookworm, trixie] = await Promise.all(releases.map((release) => lab.workstation({ release })));
    const deployers = { bookworm: bookworm!, trixie: trixie! };
    const [toplevels] = await Promise.all(Object.values(deployers).map(buildAll));
    const closures = FACTORY.map((system) => toplevels!.get(system)!);
    const file = "/root/factory.closure";
    await deployers.bookworm.output(
      `nix-store --export $(nix-store --query --requisites ${closures.join(" ")}) >${file}`,
    );
    return new Field(lab, deployers, toplevels!, await readFile(deployers.bookworm.path(file)));
  }

  /** Gives out a host for each that is wanted: a free one, if there is one rather one that `fits`; else a new one. */
  async take(wanted: readonly Wanted[]): Promise<Host[]> {
    return await Promise.all(wanted.map((host) => this.#takeOne(host)));
  }

  async #takeOne({ release, fits }: Wanted): Promise<Host> {
    const free = this.#free.filter((host) => host.release === release);
    const chosen = free.find(fits) ?? free[0];
    if (chosen) return this.#free.splice(this.#free.indexOf(chosen), 1)[0]!;
    const host = await this.#lab.host(`chaos${++this.#hostsEver}`, { release, size: HOST_DISK }).up();
    await this.deliverFactory(host);
    return host;
  }

  /** The factory systems, into the host's store. */
  async deliverFactory(host: Host): Promise<void> {
    await host.output(["nix-store", "--import"], { stdin: this.#factory });
  }

  giveBack(host: Host): void {
    this.#free.push(host);
  }

  /** Takes a host away that is not what it should be. */
  async scrap(host: Host): Promise<void> {
    await this.#lab.remove(host);
  }

  /** Starts `bungee deploy`, its report as JSON. The hosts are those of the places a, b, …; `system` names what each is given. */
  async deploy(
    from: Release,
    targets: readonly { readonly host: Host; readonly place: number; readonly system: System }[],
    words: readonly string[],
  ): Promise<Deployer> {
    const deployer = this.#deployers[from];
    const mark = `chaos-${++this.#deploymentsEver}`;
    const sight = `/root/${mark}`;
    await mkdir(deployer.path(sight));
    const names = targets.map(({ host, place }) => ({ host, name: `host-${PLACES[place]}` }));
    const hosts = names.map(({ host, name }) => `${host.address} ${name}\n`).join("");
    const knownHosts = names.map(({ host, name }) => `${name},${host.address} ${host.hostKey}\n`).join("");
    await writeFile(deployer.path(`${sight}/hosts`), `127.0.0.1 localhost\n${hosts}`);
    await writeFile(deployer.path(`${sight}/known_hosts`), knownHosts);

    const nodes = targets.map(({ place, system }) => nodeOf(PLACES[place]!, system));
    const bungee = ["node", MAIN, "deploy", ...nodes, ...words, "--report", "json"];
    const argv = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", SEES, "sh", sight, ...bungee];
    const running = deployer.spawn(argv, { cwd: FLAKE, env: { BUNGEE_CHAOS: mark } });
    running.child.stdin?.end();
    return { running, nodes, mark };
  }

  /** What a deployer has left behind, as text, a line each: processes of its own, and files. */
  async leftovers({ mark }: Deployer, from: Release): Promise<string[]> {
    const script = `
      for environ in $(grep -lsz '^BUNGEE_CHAOS=${mark}$' /proc/[0-9]*/environ); do
        tr '\\0' ' ' <"\${environ%environ}cmdline"
        echo
      done 2>/dev/null`;
    return (await this.#deployers[from].output(script)).split("\n").filter((line) => line.trim() !== "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lab.close();
  }
}

export interface Deployer {
  readonly running: Running;
  /** The names of the nodes, in the order of the targets. */
  readonly nodes: readonly string[];
  /** In the environment of all its processes. */
  readonly mark: string;
}

/** Every system that can be built, so that no run of chaos waits for another one's build. */
async function buildAll(deployer: Workstation): Promise<ReadonlyMap<System, string>> {
  await writeFleet(deployer.path(FLAKE), { nodes: chaosNodes() });
  const systems = (Object.keys(SYSTEMS) as System[]).filter(
    (system) => system !== "fails-to-build" && system !== "fails-to-evaluate",
  );
  const attributes = systems.map((system) => `path:${FLAKE}#${toplevelOf(nodeOf("a", system))}`);
  const built = await deployer.output(["nix", "build", "--json", "--no-link", ...attributes]);
  const paths = (JSON.parse(built) as { outputs: { out: string } }[]).map(({ outputs }) => outputs.out);
  // Told in nix's own order.
  const named = (end: string) => paths.find((path) => path.endsWith(end));
  return new Map(systems.map((system) => [system, (named(`-chaos-${system}`) ?? named(`-${system}`))!]));
}
