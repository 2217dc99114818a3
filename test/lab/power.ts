/** The power of a host: switched on and off from outside, or by the host itself, which may reboot or power off. */
import type { ChildProcess } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { killCgroup, removeCgroup } from "./cgroup.ts";
import { LabError, spawnTied } from "./exec.ts";
import { childrenOf, programOf } from "./processes.ts";
import type { Wire } from "./wire.ts";

const plugScript = join(import.meta.dirname, "boot", "plug.sh");
/** More reboots than this within thirty seconds are a loop: a busy machine boots slowly. */
const maxReboots = 6;

export type PowerOptions = {
  name: string;
  /**
   * Each boot has a cgroup of its own below `${cgroup}.`: systemd 257 does not survive a cgroup that was killed
   * before.
   */
  cgroup: string;
  console: string;
  wire: Wire;
  /** The process that has the disk. */
  diskPid: () => number;
};

export class Power {
  readonly #options: PowerOptions;
  #boots = 0;
  #reboots: number[] = [];
  #machine: ChildProcess | undefined;
  /** Settles when the running machine is gone and tidied up. */
  #gone: Promise<void> = Promise.resolve();
  #failure: LabError | undefined;

  constructor(options: PowerOptions) {
    this.#options = options;
  }

  get isOn(): boolean {
    return this.#machine !== undefined;
  }

  /** How many times the host was started. */
  get boots(): number {
    return this.#boots;
  }

  /** Switches on, and plugs the cable in; the host then boots. */
  async on(): Promise<void> {
    if (this.#machine) return;
    this.#failure = undefined;
    await this.#boot();
  }

  /** Cuts the power. The cable goes first, so that peers hear nothing, not even that connections end. */
  async off(): Promise<void> {
    const machine = this.#machine;
    this.#machine = undefined; // whatever the host has in mind, it does not boot again
    if (!machine) return await this.#gone;
    await this.#options.wire.unplug();
    machine.ref();
    try {
      killCgroup(this.#cgroup());
    } catch {
      // it went by itself in this moment
    }
    machine.kill("SIGKILL");
    await this.#gone;
  }

  /** Process 1 of the host, as soon as it is systemd and can be talked to; waits for it up to a minute. */
  async init(): Promise<number> {
    const end = Date.now() + 60_000;
    while (Date.now() < end) {
      this.assertWell();
      const pid = this.#machine?.pid && childrenOf(this.#machine.pid)[0];
      const up = pid && programOf(pid)?.endsWith("/systemd") && existsSync(`/proc/${pid}/root/run/systemd/private`);
      if (up) return pid;
      if (!this.#machine) throw new LabError(`${this.#options.name} is switched off`);
      await sleep(5);
    }
    throw new LabError(`${this.#options.name} does not boot: ${this.consoleTail()}`);
  }

  /** Resolves when the host is off, of itself or not. */
  async waitOff(timeoutMs: number): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (this.#machine) {
      if (Date.now() > end) throw new LabError(`${this.#options.name} is still on after ${timeoutMs} ms`);
      await sleep(5);
    }
    await this.#gone;
  }

  /** Throws if the host has given up: it reboots in a loop, or could not be started at all. */
  assertWell(): void {
    if (this.#failure) throw this.#failure;
  }

  consoleTail(): string {
    const lines = readFileSync(this.#options.console, "utf8").trim().split("\n").slice(-5);
    return `${lines.join(" | ")} (${this.#options.console})`;
  }

  #cgroup(): string {
    return `${this.#options.cgroup}.${this.#boots}`;
  }

  async #boot(): Promise<void> {
    const { name, wire, diskPid } = this.#options;
    this.#boots++;
    const cgroup = this.#cgroup();
    mkdirSync(cgroup);
    const log = openSync(this.#options.console, "a");
    const env = {
      ...process.env,
      NAME: name,
      CGROUP: cgroup,
      MAC: wire.mac,
      PORT: wire.port,
      DISK: "/run/lab/disk",
      DISK_PID: String(diskPid()),
    };
    const machine = spawnTied(["unshare", "--net", "sh", plugScript], { stdio: ["ignore", log, log, "pipe"], env });
    closeSync(log);
    machine.unref();
    this.#machine = machine;
    this.#gone = new Promise((resolve) => {
      machine.once("error", (error) => this.#ended(machine, cgroup, null, error.message).then(resolve));
      machine.once("exit", (code, signal) =>
        this.#ended(machine, cgroup, signal, `exit ${code ?? signal}`).then(resolve),
      );
    });
    for await (const _ of machine.stdio[3] as Readable) break; // its first word, or its end
    if (this.#machine === machine) await wire.plug();
  }

  /**
   * The kernel tells by the signal how process 1 of a pid namespace went: SIGHUP it called reboot, SIGINT poweroff or
   * halt.
   */
  async #ended(machine: ChildProcess, cgroup: string, signal: NodeJS.Signals | null, how: string): Promise<void> {
    await this.#options.wire.unplug();
    const tidied = removeCgroup(cgroup);
    if (this.#machine === machine) {
      this.#machine = undefined;
      if (signal === "SIGHUP") await this.#bootAgain();
      else if (signal !== "SIGINT")
        this.#failure = new LabError(`${this.#options.name} died (${how}): ${this.consoleTail()}`);
    }
    await tidied;
  }

  async #bootAgain(): Promise<void> {
    const now = Date.now();
    this.#reboots = [...this.#reboots.filter((time) => time > now - 30_000), now];
    if (this.#reboots.length <= maxReboots) await this.#boot();
    else this.#failure = new LabError(`${this.#options.name} reboots in a loop: ${this.consoleTail()}`);
  }
}
