/**
 * A place to run the deployer in: a root filesystem of a release with a /nix and a home of its own, in the network of
 * the lab.
 */

import type { ChildProcess } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Disk } from "./disk.ts";
import { demand, type Result } from "./exec.ts";
import { startHolder, stopHolder } from "./holder.ts";
import { type CommandLine, Inside, type Running, type RunOptions } from "./inside.ts";
import type { Lab } from "./lab.ts";
import { childrenOf } from "./processes.ts";
import type { Release } from "./rootfs.ts";
import { compiled } from "./sandbox.ts";
import { keyFile, sshConfig, users } from "./ssh.ts";

export type WorkstationOptions = {
  /** Default: bookworm. */
  release?: Release;
  /** Of the disk, in bytes. Default: 3 GiB. */
  size?: number;
};

/** The checkout that this file is in; workstations have it, read-only, at the same path. */
export const checkout = dirname(dirname(import.meta.dirname));
const script = join(import.meta.dirname, "boot", "workstation.sh");
const path = `${checkout}/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
const inside = new Inside(["mount", "pid", "uts", "ipc"], path);

export class Workstation {
  readonly release: Release;
  /** HOME as its processes see it. */
  readonly home = "/root";
  readonly #lab: Lab;
  readonly #disk: Disk;
  readonly #holder: ChildProcess;

  private constructor(lab: Lab, release: Release, disk: Disk, holder: ChildProcess) {
    this.#lab = lab;
    this.release = release;
    this.#disk = disk;
    this.#holder = holder;
  }

  static async create(lab: Lab, options: WorkstationOptions): Promise<Workstation> {
    const release = options.release ?? "bookworm";
    const disk = await Disk.create(release, options.size ?? 3 * 2 ** 30);
    const ssh = disk.path("/root/.ssh");
    mkdirSync(ssh, { recursive: true, mode: 0o700 });
    for (const file of users.map(keyFile)) {
      copyFileSync(join(lab.dir, file), join(ssh, file));
      copyFileSync(join(lab.dir, `${file}.pub`), join(ssh, `${file}.pub`));
    }
    writeFileSync(join(ssh, "config"), sshConfig("~/.ssh"));
    const bungee = `#!/bin/sh\nexec node ${checkout}/src/main.ts "$@"\n`;
    writeFileSync(disk.path("/usr/local/bin/bungee"), bungee, { mode: 0o755 });
    const onDisk = ["nsenter", "--target", String(disk.pid), "--mount", "--"];
    const apart = [
      "unshare",
      "--mount",
      "--pid",
      "--uts",
      "--ipc",
      "--fork",
      "--kill-child",
      "--propagation",
      "private",
    ];
    const holder = await startHolder([...onDisk, ...apart, "sh", script], {
      DISK: "/run/lab/disk",
      CHECKOUT: checkout,
      COMPILED: compiled,
    });
    return new Workstation(lab, release, disk, holder);
  }

  /** The path at which this process sees a file of the workstation's disk. */
  path(file: string): string {
    return this.#disk.path(file);
  }

  /** Starts a process; `kill` reaches the process itself. */
  spawn(command: CommandLine, options: RunOptions = {}): Running {
    return inside.spawn(this.#init(), command, this.#at(options));
  }

  /** Runs a process to its end. */
  async run(command: CommandLine, options: RunOptions = {}): Promise<Result> {
    return await inside.run(this.#init(), command, this.#at(options));
  }

  /** Runs a process that has to succeed; gives its standard output without the last newline. */
  async output(command: CommandLine, options: RunOptions = {}): Promise<string> {
    const argv = typeof command === "string" ? [command] : command;
    return demand(argv, await this.run(command, options)).replace(/\n$/, "");
  }

  /** The command line, to be run in the sandbox, of a command in the workstation. */
  enterArgv(command: CommandLine, env: Record<string, string> = {}): string[] {
    return inside.argv(this.#init(), command, this.#at({ env }));
  }

  /** Tells the workstation which hosts there are: names and host keys. */
  introduce(hosts: string, knownHosts: string): void {
    writeFileSync(this.path("/etc/hosts"), hosts);
    writeFileSync(this.path("/root/.ssh/known_hosts"), knownHosts);
  }

  /** Ends all processes in it and gives the disk up. */
  async close(): Promise<void> {
    this.#lab.forget(this);
    await stopHolder(this.#holder);
    await this.#disk.close();
  }

  #at({ env, ...options }: RunOptions): RunOptions {
    return { cwd: this.home, env: { NODE_COMPILE_CACHE: compiled, ...env }, ...options };
  }

  #init(): number {
    return childrenOf(this.#holder.pid!)[0]!;
  }
}
