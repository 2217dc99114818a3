/** One host during a deployment: the one connection that everything uses, replaced when it breaks, and fresh ones for proof. */
import { Access } from "../activator/access.ts";
import { Activator } from "../activator/activator.ts";
import { BungeeError, ConnectionLostError } from "../errors.ts";
import type { Node } from "../fleet/node.ts";
import type { Connect, Connection } from "../host/connection.ts";
import { Elevator } from "../host/elevation/elevation.ts";
import { HostStore } from "../host/host-store.ts";
import type { Secrets } from "../host/secrets.ts";
import { Patience } from "./patience.ts";

/** A connection whose root commands are elevated, and the activator behind it. */
export interface Line {
  readonly connection: Connection;
  readonly activator: Activator;
}

interface Reaching {
  readonly signal?: AbortSignal;
  /** For the login. */
  readonly timeoutMs?: number;
  /** One of several tries, all within this time: milliseconds of the monotonic clock. Then the host's own pace says how long it takes. */
  readonly by?: number;
}

/** Milliseconds between two tries: less and less often. */
const INSIST_MS = { first: 100, longest: 2000 };

export class Session {
  readonly node: Node;
  readonly patience = new Patience();
  readonly store = new HostStore();
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
  async line(options: Reaching = {}): Promise<Line> {
    this.#line = this.#standing ?? (await this.fresh(options));
    return this.#line;
  }

  get #standing(): Line | undefined {
    return this.#line?.connection.lost.aborted ? undefined : this.#line;
  }

  /** A new TCP connection, never the one in use: what proves that the host can be reached. */
  async fresh(options: Reaching = {}): Promise<Line> {
    const secrets = this.#secrets && { secrets: this.#secrets };
    const { by, ...limits } = options;
    const target = { ...this.node, node: this.node.name };
    const connect = (timeoutMs?: number) =>
      this.#connect(target, { ...limits, ...secrets, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    const bare = await (by === undefined ? connect() : this.#inTime(by, connect));
    this.#open.add(bare);
    bare.lost.addEventListener("abort", () => this.#open.delete(bare), { once: true });
    const connection = this.#elevator.over(bare);
    return { connection, activator: new Activator(connection, this.#access) };
  }

  async #inTime(deadline: number, connect: (timeoutMs: number) => Promise<Connection>): Promise<Connection> {
    const began = performance.now();
    const allowed = this.patience.forTry(deadline - began);
    try {
      const connection = await connect(allowed);
      this.patience.reached();
      return connection;
    } catch (error) {
      this.patience.missed(error, allowed, performance.now() - began);
      throw error;
    }
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
    const { first, longest } = INSIST_MS;
    if (this.#standing === undefined) await this.patience.untilAllowed(deadline);
    for (let every = first; ; every = Math.min(every * 2, longest)) {
      const began = performance.now();
      try {
        const { activator } = await this.line({ by: deadline });
        return await ask(activator);
      } catch (error) {
        if (!isPassing(error)) throw error;
        this.note(error);
        if (error instanceof ConnectionLostError) this.drop();
        if (!(await this.patience.untilNextTry({ began, deadline, every }))) throw error;
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
