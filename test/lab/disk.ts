/**
 * The disk of a host or a workstation: a root filesystem, overlaid by a tmpfs of limited size. It is mounted in a
 * mount namespace of its own, held by one process: it outlives reboots, and is gone with that process, so nothing is
 * left to be tidied up.
 */
import type { ChildProcess } from "node:child_process";
import { statfsSync } from "node:fs";
import { join } from "node:path";
import { LabError, must } from "./exec.ts";
import { startHolder, stopHolder } from "./holder.ts";
import { type Release, rootfs } from "./rootfs.ts";

const script = join(import.meta.dirname, "boot", "disk.sh");
/** Where the holder's namespace has the tmpfs; the merged tree is `root` in it. */
const mountPoint = "/run/lab/disk";

export class Disk {
  readonly size: number;
  readonly #holder: ChildProcess;

  constructor(holder: ChildProcess, size: number) {
    this.#holder = holder;
    this.size = size;
  }

  /** Makes an empty disk of `size` bytes over the root filesystem of a release. */
  static async create(release: Release, size: number): Promise<Disk> {
    const argv = ["unshare", "--mount", "--propagation", "private", "sh", script];
    const env = { LOWER: rootfs(release), SIZE: String(size), DISK: mountPoint };
    return new Disk(await startHolder(argv, env), size);
  }

  /** The process whose mount namespace has the disk. */
  get pid(): number {
    return this.#holder.pid!;
  }

  /**
   * The path at which this process sees a file of the disk. Absolute symlinks on the way lead elsewhere: name the
   * file itself.
   */
  path(file: string): string {
    return join(`/proc/${this.pid}/root${mountPoint}/root`, file);
  }

  /**
   * Shrinks the disk so that just `leave` bytes are free: nothing is written, and the disk is full for everybody,
   * root included.
   */
  async fill(leave: number): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const { blocks, bfree, bsize } = statfsSync(`/proc/${this.pid}/root${mountPoint}`);
      try {
        return await this.#resize((blocks - bfree) * bsize + leave);
      } catch (error) {
        if (attempt === 5) throw error; // the host wrote in between, five times: it must be told
      }
    }
  }

  /** Gives the disk its whole size again. */
  async free(): Promise<void> {
    const { blocks, bsize } = statfsSync(`/proc/${this.pid}/root${mountPoint}`);
    if (blocks * bsize < this.size) await this.#resize(this.size);
  }

  async #resize(bytes: number): Promise<void> {
    if (bytes <= 0) throw new LabError(`a disk cannot have ${bytes} bytes`);
    const inHolder = ["nsenter", "--target", String(this.pid), "--mount"];
    await must([...inHolder, "mount", "-o", `remount,size=${bytes}`, mountPoint]);
  }

  async close(): Promise<void> {
    await stopHolder(this.#holder);
  }
}
