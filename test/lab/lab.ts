/** A lab: hosts and workstations that know each other. Several labs, of one process or of many, can share a sandbox. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LabError } from "./exec.ts";
import { Host, type HostOptions } from "./host.ts";
import { makeKey } from "./keys.ts";
import { sandboxCgroup } from "./sandbox.ts";
import { keyFile, sshConfig, type User, users } from "./ssh.ts";
import { Workstation, type WorkstationOptions } from "./workstation.ts";

const labsDir = "/run/lab/labs";

/**
 * Opens a lab without hosts; only possible in a sandbox (see enter.ts). Its first host gets 10.77.<number>.1, the
 * next .2, and so on. Number 1 is only given to who asks for it: to fleets whose flake names addresses.
 */
export async function openLab(options: { number?: number } = {}): Promise<Lab> {
  const cgroup = sandboxCgroup();
  if (!cgroup) throw new LabError("not in a sandbox: run this through `node test/lab/enter.ts -- CMD...`");
  const lab = new Lab(cgroup, options.number === undefined ? claimAnyNumber() : claimNumber(options.number));
  await Promise.all(users.map((user) => makeKey(join(lab.dir, keyFile(user)), `${user}@lab`)));
  writeFileSync(join(lab.dir, "config"), sshConfig(lab.dir));
  lab.announce();
  return lab;
}

export class Lab {
  /** Unique in the sandbox; the third byte of the addresses of its hosts. */
  readonly number: number;
  /** Where it keeps keys and consoles. */
  readonly dir: string;
  readonly cgroup: string;
  readonly #hosts = new Map<string, Host>();
  readonly #workstations = new Set<Workstation>();
  #hostsEver = 0;

  constructor(cgroup: string, number: number) {
    this.cgroup = cgroup;
    this.number = number;
    this.dir = join(labsDir, String(number));
  }

  get hosts(): Host[] {
    return [...this.#hosts.values()];
  }

  /** A new host, still switched off. */
  host(name: string, options: HostOptions = {}): Host {
    if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) throw new LabError(`"${name}" is no host name`);
    if (this.#hosts.has(name)) throw new LabError(`there is a host ${name} already`);
    if (this.#hostsEver === 254) throw new LabError("a lab has room for 254 hosts");
    const host = new Host(this, ++this.#hostsEver, name, options);
    this.#hosts.set(name, host);
    return host;
  }

  /** New hosts, all up. */
  async up(names: readonly string[], options: HostOptions = {}): Promise<Host[]> {
    return await Promise.all(names.map((name) => this.host(name, options).up()));
  }

  /** Takes a host away, disk and all. */
  async remove(host: Host): Promise<void> {
    await host.destroy();
    this.#hosts.delete(host.name);
    this.announce();
  }

  async workstation(options: WorkstationOptions = {}): Promise<Workstation> {
    const workstation = await Workstation.create(this, options);
    this.#workstations.add(workstation);
    this.announce();
    return workstation;
  }

  /** Called by a workstation that closes. */
  forget(workstation: Workstation): void {
    this.#workstations.delete(workstation);
  }

  /** A user's public key, "TYPE BASE64". */
  userKey(user: User): string {
    return readFileSync(join(this.dir, `${keyFile(user)}.pub`), "utf8")
      .split(" ")
      .slice(0, 2)
      .join(" ");
  }

  /** Writes names, addresses and host keys of all hosts into every workstation, as DNS and an administrator would. */
  announce(): void {
    const known = this.hosts.filter((host) => host.isMade);
    const hosts = ["127.0.0.1 localhost", ...known.map((host) => `${host.address} ${host.name}`), ""].join("\n");
    const knownHosts = known.map((host) => `${host.name},${host.address} ${host.hostKey}\n`).join("");
    writeFileSync(join(this.dir, "known_hosts"), knownHosts);
    for (const workstation of this.#workstations) workstation.introduce(hosts, knownHosts);
  }

  /** Ends everything in the lab. */
  async close(): Promise<void> {
    await Promise.all([...this.#workstations].map((workstation) => workstation.close()));
    await Promise.all(this.hosts.map((host) => host.destroy()));
    rmSync(this.dir, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** The first number that no other lab of the sandbox has. */
function claimAnyNumber(): number {
  for (let number = 2; number < 255; number++) if (claim(number)) return number;
  throw new LabError("there are 253 labs in this sandbox already");
}

function claimNumber(number: number): number {
  if (!claim(number)) throw new LabError(`there is a lab ${number} in this sandbox already`);
  return number;
}

/** Making a directory is atomic. */
function claim(number: number): boolean {
  mkdirSync(labsDir, { recursive: true });
  try {
    mkdirSync(join(labsDir, String(number)));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
