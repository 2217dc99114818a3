/** Builds the systems of a deployment, many in one nix call, and keeps them from the garbage collector from their evaluation until it ends. */
import type { BuildError } from "../errors.ts";
import type { Evaluated } from "../fleet/node.ts";
import { realise } from "../nix/build.ts";
import { copyDerivations } from "../nix/copy.ts";
import { openRoots, type Roots } from "../nix/roots.ts";
import { again } from "./again.ts";
import { withTunnel } from "./copy.ts";
import type { Emit } from "./events.ts";
import type { Job } from "./job.ts";
import { together } from "./together.ts";

/**
 * What was built before the line broke is there. No more than once more: nobody knows whether it was the build that took the host off
 * the network.
 */
const TRIES_ON_TARGET = 2;

interface Order {
  readonly job: Job;
  readonly evaluated: Evaluated;
}

export class Builds implements AsyncDisposable {
  readonly #roots: Roots;
  readonly #emit: Emit;
  readonly #interruption: AbortSignal;
  readonly #realised = together((orders: readonly Order[]) => this.#realise(orders));
  readonly #kept = together((drvPaths: readonly string[]) => this.#roots.keep(drvPaths, this.#interruption));

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

  /** Between the evaluation and the build lie approvals, other builds and the order. */
  async keep({ drvPath }: Evaluated): Promise<void> {
    await this.#kept(drvPath);
  }

  /** @throws BuildError */
  async build(job: Job, evaluated: Evaluated): Promise<Evaluated> {
    if (job.node.build === "target") await this.#onTarget(job, evaluated);
    else await this.#locally(job, evaluated);
    return evaluated;
  }

  async #locally(job: Job, evaluated: Evaluated): Promise<void> {
    const failure = (await this.#realised({ job, evaluated })).get(job.node.name);
    if (failure !== undefined) throw failure;
  }

  /** nix schedules better than we would. */
  #realise(orders: readonly Order[]): Promise<ReadonlyMap<string, BuildError>> {
    const nodeOf = new Map(orders.map(({ job, evaluated }) => [evaluated.drvPath, job.node.name]));
    const requests = orders.map(({ job, evaluated }) => ({ name: job.node.name, ...evaluated }));
    return realise(requests, {
      root: this.#roots.next("systems"),
      signal: this.#interruption,
      onLine: (line, drvPath) => {
        this.#emit({ type: "log", node: nodeOf.get(drvPath ?? "") ?? null, source: "nix", line, verbose: true });
      },
    });
  }

  async #onTarget(job: Job, evaluated: Evaluated): Promise<void> {
    const signal = this.#interruption;
    const onLine = (line: string) => job.log("nix", line);
    const say = (line: string) => job.stages.say(line);
    const build = async () => {
      const { connection } = await job.session.line({ signal });
      const root = !job.session.restricted;
      await using tunnel = await job.session.store.open(connection, { root, signal, say });
      const store = tunnel.storeUri;
      await withTunnel(tunnel, signal, async () => {
        await copyDerivations(store, [evaluated.drvPath], { signal, onLine });
        const failures = await realise([{ name: job.node.name, ...evaluated }], { store, signal, onLine });
        for (const failure of failures.values()) throw failure;
      });
    };
    await again(build, { signal, say, tries: TRIES_ON_TARGET });
  }
}
