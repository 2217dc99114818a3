/** Builds the systems of a deployment, many in one nix call, and keeps them from the garbage collector until it ends. */
import type { BuildError } from "../errors.ts";
import type { Evaluated } from "../fleet/node.ts";
import { openStoreTunnel } from "../host/store-tunnel.ts";
import { realise } from "../nix/build.ts";
import { copyDerivations } from "../nix/copy.ts";
import { openRoots, type Roots } from "../nix/roots.ts";
import type { Emit } from "./events.ts";
import type { Job } from "./job.ts";

interface Order {
  readonly job: Job;
  readonly evaluated: Evaluated;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export class Builds implements AsyncDisposable {
  readonly #roots: Roots;
  readonly #emit: Emit;
  readonly #interruption: AbortSignal;
  #waiting: Order[] = [];
  #busy = false;

  private constructor(roots: Roots, emit: Emit, interruption: AbortSignal) {
    this.#roots = roots;
    this.#emit = emit;
    this.#interruption = interruption;
  }

  static async open(deployment: string, emit: Emit, interruption: AbortSignal): Promise<Builds> {
    return new Builds(await openRoots(deployment), emit, interruption);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#roots.release();
  }

  /** @throws BuildError */
  async build(job: Job, evaluated: Evaluated): Promise<Evaluated> {
    if (job.node.build === "target") await this.#onTarget(job, evaluated);
    else await this.#locally(job, evaluated);
    return evaluated;
  }

  /** What comes while nix builds waits for it to end, and then goes in one call: nix schedules better than we would. */
  #locally(job: Job, evaluated: Evaluated): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ job, evaluated, done, failed });
      if (!this.#busy) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#busy = true;
    // One turn of the loop, so that nodes that are ready together are built together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        const failures = await this.#realise(batch);
        for (const { job, done, failed } of batch) {
          const failure = failures.get(job.node.name);
          if (failure === undefined) done();
          else failed(failure);
        }
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.#busy = false;
  }

  #realise(batch: readonly Order[]): Promise<ReadonlyMap<string, BuildError>> {
    const nodeOf = new Map(batch.map(({ job, evaluated }) => [evaluated.drvPath, job.node.name]));
    const requests = batch.map(({ job, evaluated }) => ({ name: job.node.name, ...evaluated }));
    return realise(requests, {
      root: this.#roots.next("systems"),
      signal: this.#interruption,
      onLine: (line, drvPath) => {
        this.#emit({ type: "log", node: nodeOf.get(drvPath ?? "") ?? null, source: "nix", line, verbose: true });
      },
    });
  }

  async #onTarget(job: Job, evaluated: Evaluated): Promise<void> {
    const { connection } = await job.session.line();
    await using tunnel = await openStoreTunnel(connection, { root: !job.session.restricted });
    const onLine = (line: string) => job.log("nix", line);
    await copyDerivations(tunnel.storeUri, [evaluated.drvPath], { signal: this.#interruption, onLine });
    const failures = await realise([{ name: job.node.name, ...evaluated }], {
      store: tunnel.storeUri,
      signal: this.#interruption,
      onLine,
    });
    for (const failure of failures.values()) throw failure;
  }
}
