/** How many evaluations run at once: as many as there are cores, and as free memory can hold. */
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";

/** A guess until one was measured: what a NixOS host of some size takes. */
const FIRST_ESTIMATE = 1.5 * 1024 ** 3;
const SAMPLE_EVERY_MS = 50;

export interface Machine {
  readonly cores: number;
  /** Bytes that can be had without swapping, limits of a container heeded. */
  freeMemory(): number;
}

const thisMachine: Machine = { cores: availableParallelism(), freeMemory: () => process.availableMemory() };

/** Told the process id of each nix that a task starts. */
export type Watch = (pid: number) => void;

export class EvaluationPool {
  readonly #machine: Machine;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  /** Bytes that one evaluation is expected to take at its peak. */
  #estimate = FIRST_ESTIMATE;
  #measured = false;
  /** Free memory when nothing of ours ran. */
  #budget = 0;

  constructor(machine: Machine = thisMachine) {
    this.#machine = machine;
  }

  async run<T>(task: (watch: Watch) => Promise<T>): Promise<T> {
    if (this.#waiting.length > 0 || !this.#mayStart()) await new Promise<void>((start) => this.#waiting.push(start));
    else this.#enter();
    const peak = new Peak();
    try {
      return await task((pid) => peak.watch(pid));
    } finally {
      this.#learn(peak.end());
      this.#running--;
      this.#startWaiting();
    }
  }

  #enter(): void {
    if (this.#running === 0) this.#budget = this.#machine.freeMemory();
    this.#running++;
  }

  /** One always may: less than that would be no progress at all. */
  #mayStart(): boolean {
    if (this.#running === 0) return true;
    return (
      this.#running < this.#machine.cores &&
      (this.#running + 1) * this.#estimate <= this.#budget &&
      this.#estimate <= this.#machine.freeMemory()
    );
  }

  #startWaiting(): void {
    while (this.#waiting.length > 0 && this.#mayStart()) {
      this.#enter();
      this.#waiting.shift()!();
    }
  }

  #learn(peak: number): void {
    if (peak === 0) return;
    // A little above the largest seen: hosts of a fleet are alike, not equal.
    const seen = peak * 1.1;
    this.#estimate = this.#measured ? Math.max(this.#estimate, seen) : seen;
    this.#measured = true;
  }
}

/** The most memory that a process had resident, in bytes; 0 where the system does not tell. */
class Peak {
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  watch(pid: number): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(async () => {
      const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
      const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
      if (kib !== undefined) this.#bytes = Math.max(this.#bytes, Number(kib) * 1024);
    }, SAMPLE_EVERY_MS);
  }

  end(): number {
    clearInterval(this.#timer);
    return this.#bytes;
  }
}
