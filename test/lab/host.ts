/** A host of the lab: Debian's systemd, sshd and nix on a disk, a network and a boot of its own. */
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { copyClosure } from "./closure.ts";
import { Disk } from "./disk.ts";
import { demand, exec, LabError, type Result } from "./exec.ts";
import { type CommandLine, Inside, type Running, type RunOptions } from "./inside.ts";
import { makeKey } from "./keys.ts";
import type { Lab } from "./lab.ts";
import { Power } from "./power.ts";
import type { Release } from "./rootfs.ts";
import { greets, sshArgv, users } from "./ssh.ts";
import { bootDefault, listState, readlinks, type State } from "./state.ts";
import { type Cut, Wire } from "./wire.ts";
import type { Workstation } from "./workstation.ts";

export type HostOptions = {
  /** Default: bookworm. */
  release?: Release;
  /** Of the disk, in bytes; it takes memory only as it is used. Default: 3 GiB. */
  size?: number;
};

const inside = new Inside(
  ["mount", "net", "pid", "uts", "ipc", "cgroup"],
  "/run/wrappers/bin:/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
);

export class Host {
  readonly name: string;
  readonly release: Release;
  /** What the host has written to its console, over all boots. */
  readonly console: string;
  readonly #lab: Lab;
  readonly #size: number;
  readonly #wire: Wire;
  readonly #power: Power;
  #address: string;
  #making: Promise<Disk> | undefined;
  #disk: Disk | undefined;
  #hostKey: string | undefined;

  constructor(lab: Lab, number: number, name: string, options: HostOptions) {
    this.name = name;
    this.release = options.release ?? "bookworm";
    this.console = `${lab.dir}/${name}.console`;
    this.#lab = lab;
    this.#size = options.size ?? 3 * 2 ** 30;
    this.#address = `10.77.${lab.number}.${number}`;
    this.#wire = new Wire(lab.number, number);
    this.#power = new Power({
      name,
      cgroup: `${lab.cgroup}/${lab.number}-${name}`,
      console: this.console,
      wire: this.#wire,
      diskPid: () => this.disk.pid,
    });
  }

  /** The IPv4 address that the lab gave to the host. */
  get address(): string {
    return this.#address;
  }

  /** The host's public key, "TYPE BASE64". */
  get hostKey(): string {
    return this.#hostKey ?? this.#unmade();
  }

  get disk(): Disk {
    return this.#disk ?? this.#unmade();
  }

  /** Whether it was ever switched on. */
  get isMade(): boolean {
    return this.#hostKey !== undefined;
  }

  get isOn(): boolean {
    return this.#power.isOn;
  }

  /** How many times it was started. */
  get boots(): number {
    return this.#power.boots;
  }

  /** What was done to its cable, in words. */
  get condition(): string {
    return this.#wire.condition;
  }

  /** Switches the host on (the first time, makes it) and waits until ssh answers. */
  async up(): Promise<this> {
    this.#making ??= this.#make();
    this.#disk = await this.#making;
    await this.#power.on();
    await this.waitSsh();
    return this;
  }

  /** Switches the host off, at once. Its disk stays. */
  async down(): Promise<void> {
    await this.#power.off();
  }

  /**
   * Power loss: nothing is said to peers, nothing is flushed. Then the host starts again, unless `boot` is false; it
   * does not wait for ssh.
   */
  async reset(options: { boot?: boolean } = {}): Promise<void> {
    await this.#power.off();
    if (options.boot ?? true) await this.#power.on();
  }

  /** Tells the host to reboot in an orderly way, and waits until it is on its way up again. */
  async reboot(): Promise<void> {
    const before = this.boots;
    await this.run("systemctl reboot");
    await this.#until(() => this.boots > before, 60_000, "did not reboot");
  }

  /** Waits until the host has switched itself off. */
  async waitOff(timeoutMs = 10_000): Promise<void> {
    await this.#power.waitOff(timeoutMs);
  }

  /** Waits until sshd greets at `address` (default: the host's). */
  async waitSsh(timeoutMs = 60_000, address = this.#address): Promise<void> {
    await this.#until(() => greets(address), timeoutMs, "does not answer to ssh");
  }

  /** Runs a command in the host, not through its network; as root unless `user` says otherwise. */
  async run(command: CommandLine, options: RunOptions = {}): Promise<Result> {
    return await inside.run(await this.#power.init(), command, options);
  }

  /** Runs a command in the host that has to succeed; gives its standard output without the last newline. */
  async output(command: CommandLine, options: RunOptions = {}): Promise<string> {
    const argv = [`${this.name}:`, ...(typeof command === "string" ? [command] : command)];
    return demand(argv, await this.run(command, options)).replace(/\n$/, "");
  }

  /** Starts a command in the host. */
  async spawn(command: CommandLine, options: RunOptions = {}): Promise<Running> {
    return inside.spawn(await this.#power.init(), command, options);
  }

  /** The command line, to be run in the sandbox, of a command in the host. */
  async enterArgv(command: CommandLine, env: Record<string, string> = {}): Promise<string[]> {
    return inside.argv(await this.#power.init(), command, { env });
  }

  /**
   * Logs in by ssh, with the key that the lab has for `user` (default: root). `signal` kills ssh, which may else wait
   * for ever.
   */
  async ssh(command: CommandLine, options: Pick<RunOptions, "user" | "stdin" | "signal"> = {}): Promise<Result> {
    const { user = "root", ...execOptions } = options;
    return await exec(sshArgv(this.#lab.dir, `${user}@${this.#address}`, command), execOptions);
  }

  /**
   * Cuts the cable. "drop": packets vanish, between the host and everybody. "refuse": whoever in the sandbox talks to
   * the host gets RST or ICMP at once, and so does the host. Lasts over reboots.
   */
  async cut(how: Cut): Promise<void> {
    await this.#wire.cut(how, how === "refuse" ? await this.addresses() : []);
  }

  async heal(): Promise<void> {
    await this.#wire.heal();
  }

  /** Limits the link towards the host; no `mbit`: no limit. */
  async limit(options: { mbit?: number } = {}): Promise<void> {
    await this.#wire.limit(options.mbit);
  }

  /** Adds to the round-trip time; no `ms`: nothing. A LabError where the kernel cannot. */
  async latency(options: { ms?: number } = {}): Promise<void> {
    await this.#wire.latency(options.ms);
  }

  /** All IPv4 addresses that the host answers to just now; the one that the lab gave to it comes first. */
  async addresses(): Promise<string[]> {
    if (!this.isOn) return [this.#address];
    const listing = JSON.parse(await this.output("ip -json -4 address show dev host0")) as {
      addr_info?: { local?: string }[];
    }[];
    const own = listing.flatMap((link) => (link.addr_info ?? []).flatMap(({ local }) => local ?? []));
    return [...new Set([this.#address, ...own])];
  }

  /** Gives the host another address, now and for every later boot; workstations find it there by its name. */
  async changeAddress(address: string): Promise<void> {
    const old = this.#address;
    this.#address = address;
    this.#writeAddress(this.disk);
    await this.#wire.setAddress(address);
    if (this.isOn) await this.output(`ip address delete ${old}/16 dev host0; ip address add ${address}/16 dev host0`);
    this.#lab.announce();
  }

  async stopSshd(): Promise<void> {
    await this.output("systemctl stop ssh.service");
  }

  async startSshd(): Promise<void> {
    await this.output("systemctl start ssh.service");
  }

  /** Kills a process by SIGKILL; `pid` as the host itself counts. */
  async kill(pid: number): Promise<void> {
    await this.output(["kill", "-KILL", String(pid)]);
  }

  /** Leaves just so many bytes free on the disk. */
  async fillDisk(leaveBytes = 0): Promise<void> {
    await this.disk.fill(leaveBytes);
  }

  async freeDisk(): Promise<void> {
    await this.disk.free();
  }

  /** The toplevel that the host would boot now; null if none. Also of a host that is off. */
  bootDefault(): string | null {
    return bootDefault(this.disk);
  }

  /** What the host runs, and what it would run after a reset. */
  async triple(): Promise<State> {
    const [running, booted, profile] = (await this.output(readlinks)).split("\n");
    return {
      running: running || null,
      booted: booted || null,
      profile: profile || null,
      bootDefault: this.bootDefault(),
    };
  }

  /** All that a deploy may change, as text to be compared with a later one: files, links, store paths, units. */
  async snapshot(): Promise<string> {
    return await this.output(listState);
  }

  /**
   * Gives the host the factory's system: copies the closure of a toplevel from a workstation, makes it the profile,
   * and switches to it.
   */
  async install(toplevel: string, from: Workstation): Promise<void> {
    await copyClosure(toplevel, from, this);
    await this.output(["nix-env", "--profile", "/nix/var/nix/profiles/system", "--set", toplevel]);
    await this.output([`${toplevel}/bin/switch-to-configuration`, "switch"]);
  }

  /** Cuts the power for good and gives the disk up. */
  async destroy(): Promise<void> {
    await this.#power.off();
    await this.#wire.forget();
    await this.#disk?.close();
    this.#disk = undefined;
    this.#making = undefined;
  }

  /** What a technician would do before the first boot: name, address, keys. */
  async #make(): Promise<Disk> {
    const disk = await Disk.create(this.release, this.#size);
    writeFileSync(disk.path("/etc/hostname"), `${this.name}\n`);
    writeFileSync(disk.path("/etc/machine-id"), `${crypto.randomUUID().replaceAll("-", "")}\n`);
    this.#writeAddress(disk);
    for (const user of users) {
      writeFileSync(disk.path(`/etc/ssh/authorized_keys.d/${user}`), `${this.#lab.userKey(user)} ${user}@lab\n`);
    }
    this.#hostKey = await makeKey(disk.path("/etc/ssh/ssh_host_ed25519_key"), this.name);
    await this.#wire.setAddress(this.#address);
    this.#lab.announce();
    return disk;
  }

  #writeAddress(disk: Disk): void {
    writeFileSync(disk.path("/etc/lab-address"), `${this.#address}/16\n`);
    writeFileSync(disk.path("/etc/hosts"), `127.0.0.1 localhost\n${this.#address} ${this.name}\n`);
  }

  async #until(met: () => boolean | Promise<boolean>, timeoutMs: number, complaint: string): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!(await met())) {
      this.#power.assertWell();
      if (Date.now() > end)
        throw new LabError(`${this.name} ${complaint} within ${timeoutMs} ms: ${this.#power.consoleTail()}`);
      await sleep(10);
    }
  }

  #unmade(): never {
    throw new LabError(`${this.name} was never switched on`);
  }
}
