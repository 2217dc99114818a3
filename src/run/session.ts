/** One host during a deployment: the one connection that everything uses, replaced when it breaks, and fresh ones for proof. */
import { Access } from "../activator/access.ts";
import { Activator } from "../activator/activator.ts";
import { BungeeError, ConnectionLostError } from "../errors.ts";
import type { Node } from "../fleet/node.ts";
import type { Connect, Connection } from "../host/connection.ts";
import { Elevator } from "../host/elevation/elevation.ts";
import type { Secrets } from "../host/secrets.ts";
import { pause } from "./clock.ts";

/** A connection whose root commands are elevated, and the activator behind it. */
export interface Line {
  readonly connection: Connection;
  readonly activator: Activator;
}

export class Session {
  readonly node: Node;
  readonly #connect: Connect;
  readonly #secrets: Secrets | undefined;
  readonly #elevator: Elevator;
  readonly #access = new Access();
  #line: Line | undefined;
  #trouble: BungeeError | undefined;
  readonly #open = new Set<Connection>();

  constructor(node: Node, connect: Connect, secrets?: Secrets) {
    this.node = node;
    this.#connect = connect;
    this.#secrets = secrets;
    this.#elevator = new Elevator(node.name, node.elevation, secrets);
  }

  /** The line in use; a new one when there is none, or when it broke. */
  async line(options: { signal?: AbortSignal; timeoutMs?: number } = {}): Promise<Line> {
    if (this.#line === undefined || this.#line.connection.lost.aborted) this.#line = await this.fresh(options);
    return this.#line;
  }

  /** A new TCP connection, never the one in use: what proves that the host can be reached. */
  async fresh(options: { signal?: AbortSignal; timeoutMs?: number } = {}): Promise<Line> {
    const secrets = this.#secrets && { secrets: this.#secrets };
    const bare = await this.#connect({ ...this.node, node: this.node.name }, { ...options, ...secrets });
    this.#open.add(bare);
    bare.lost.addEventListener("abort", () => this.#open.delete(bare), { once: true });
    const connection = this.#elevator.over(bare);
    return { connection, activator: new Activator(connection, this.#access) };
  }

  /** Whether the login is a deploy user's, who may not become root but through the activator. Known once a question was answered. */
  get restricted(): boolean {
    return this.#access.restricted;
  }

  /** What was last in the way of reaching the host; a report may need it. */
  get trouble(): BungeeError | undefined {
    return this.#trouble;
  }

  note(error: BungeeError): void {
    this.#trouble = error;
  }

  /** Makes a fresh line the one in use. */
  async adopt(line: Line): Promise<void> {
    const old = this.#line;
    this.#line = line;
    if (old !== undefined && old !== line) await old.connection.close();
  }

  /** Leaves the line in use: the next one will be a new connection. */
  drop(): void {
    const line = this.#line;
    this.#line = undefined;
    // Nobody waits for a dead connection to say goodbye.
    line?.connection.close().catch(() => {});
  }

  /**
   * Asks the host over the line in use, over new ones while that breaks, until the deadline.
   * For questions that may be asked twice.
   * @param deadline milliseconds of the monotonic clock
   * @throws what the last try said, when the time is over
   */
  async insist<T>(deadline: number, ask: (activator: Activator) => Promise<T>): Promise<T> {
    for (let wait = 100; ; wait = Math.min(wait * 2, 2000)) {
      try {
        const left = deadline - performance.now();
        const { activator } = await this.line({ timeoutMs: Math.max(1000, Math.min(left, 5000)) });
        return await ask(activator);
      } catch (error) {
        if (!isPassing(error) || performance.now() + wait > deadline) throw error;
        this.note(error);
        if (error instanceof ConnectionLostError) this.drop();
        await pause(wait);
      }
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#open].map((connection) => connection.close()));
  }
}

/** A host in mid-switch may be unreachable, refuse a login or a sudo for a while: none of that is an answer. */
export function isPassing(error: unknown): error is BungeeError {
  return (
    error instanceof ConnectionLostError ||
    (error instanceof BungeeError && ["unreachable", "login", "host-key", "elevation", "protocol"].includes(error.code))
  );
}
