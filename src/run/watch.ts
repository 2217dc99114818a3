/** Asks hosts how they are, again and again: no host twice at once, none for longer than it may take, over connections that stay. */
import pLimit from "p-limit";
import { readMetrics, type Sample } from "../activator/metrics.ts";
import { BungeeError, describeError, type ErrorReport, UnreachableError } from "../errors.ts";
import type { Node } from "../fleet/node.ts";
import type { Connect } from "../host/connection.ts";
import type { Secrets } from "../host/secrets.ts";
import { pause } from "./clock.ts";
import { Session } from "./session.ts";

/** How a host was when it was last asked. */
export interface Reading {
  readonly node: string;
  readonly host: string;
  /** null: it did not answer, and `why`. */
  readonly samples: readonly Sample[] | null;
  readonly why: ErrorReport | null;
  /** When its answer, or none, was there, and how long that took. */
  readonly at: Date;
  readonly seconds: number;
}

export interface WatchOptions {
  readonly connect: Connect;
  readonly secrets: Secrets;
  /** Hosts asked at once. */
  readonly parallel: number;
  /** Seconds that a host has, its login included. */
  readonly limit: number;
}

export { FAMILIES } from "../activator/metrics.ts";

export class Watch implements AsyncDisposable {
  readonly #options: WatchOptions;
  readonly #turn: ReturnType<typeof pLimit>;
  readonly #sessions: ReadonlyMap<string, Session>;
  readonly #asking = new Map<string, Promise<void>>();
  readonly #readings = new Map<string, Reading>();
  readonly #closed = new AbortController();

  constructor(nodes: readonly Node[], options: WatchOptions) {
    this.#options = options;
    this.#turn = pLimit(options.parallel);
    this.#sessions = new Map(nodes.map((node) => [node.name, new Session(node, options.connect, options.secrets)]));
  }

  /**
   * Asks every host that is not being asked already, and waits for them.
   * @param patience seconds after which the others are not waited for: what they said before is what there is
   * @returns the last reading of each host; none of one that has never been through
   */
  async collect(patience: number): Promise<readonly Reading[]> {
    for (const [name, session] of this.#sessions) {
      if (this.#asking.has(name)) continue;
      const asking = this.#turn(() => this.#ask(session)).finally(() => this.#asking.delete(name));
      this.#asking.set(name, asking);
    }
    const enough = new AbortController();
    const late = pause(patience * 1000, enough.signal).catch(() => {});
    await Promise.race([Promise.all(this.#asking.values()), late]);
    enough.abort();
    return [...this.#sessions.keys()].flatMap((name) => this.#readings.get(name) ?? []);
  }

  /** Never rejects. */
  async #ask(session: Session): Promise<void> {
    const { name, hostName } = session.node;
    const began = performance.now();
    let samples: readonly Sample[] | null = null;
    let why: ErrorReport | null = null;
    try {
      samples = await this.#question(session);
    } catch (error) {
      why = describeError(error);
    }
    const seconds = (performance.now() - began) / 1000;
    const host = samples?.[0]?.labels.host ?? hostName ?? name;
    this.#readings.set(name, { node: name, host, samples, why, at: new Date(), seconds });
  }

  async #question(session: Session): Promise<readonly Sample[]> {
    const { limit } = this.#options;
    const timeout = AbortSignal.timeout(limit * 1000);
    const signal = AbortSignal.any([timeout, this.#closed.signal]);
    try {
      const { connection } = await session.line({ signal, timeoutMs: limit * 1000 });
      return await readMetrics(connection, { signal });
    } catch (error) {
      // Whatever it was: the next question goes over a connection that is new.
      if (!(error instanceof BungeeError) || error.code !== "refused") session.drop();
      if (!timeout.aborted) throw error;
      throw new UnreachableError(`${session.node.name}: no answer within ${limit} s`, {
        mend: "see whether it is busy, or give it more time: --timeout",
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await Promise.allSettled(this.#asking.values());
    await Promise.allSettled([...this.#sessions.values()].map((session) => session.close()));
  }
}
