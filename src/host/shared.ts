/** The connection port over one login, whichever transport made it: as many commands at once as the host allows, one way to be lost. */
import { setMaxListeners } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { ConnectionLostError, LoginError } from "../errors.ts";
import type { Command, Finished, RunOptions } from "../process.ts";
import type { Channel, Connection } from "./connection.ts";
import { quote } from "./quote.ts";
import { runChannel } from "./run-channel.ts";
import { Slots } from "./slots.ts";

/** What a transport has to do. */
export interface Wire {
  /** The one of the target's addresses that answered. */
  readonly address: string;
  readonly user: string;
  /** Milliseconds without a sign of life from the host after which it calls itself broken. */
  readonly silenceMs: number;
  /** @param lose to be called, once or more, when the connection breaks */
  watch(lose: (why: string) => void, lost: AbortSignal): void;
  /**
   * @param closed to be called once, when the host has closed the channel or the connection is lost
   * @throws ChannelRefused when the host allows no more channels; Error when it does not run the command
   */
  exec(line: string, lost: AbortSignal, closed: () => void): Promise<Channel>;
  /** Resolves when nothing of it is left. */
  end(): Promise<void>;
}

/** The host allows no more channels now. */
export class ChannelRefused extends Error {}

/** sshd's default for MaxSessions. */
const MAX_SESSIONS = 10;
/** For how long a host that refuses the only channel is asked again: an ended command may still hold its session. */
const REFUSED_MS = 3000;

export class SharedConnection implements Connection {
  readonly node: string;
  readonly address: string;
  readonly user: string;
  readonly silenceMs: number;
  readonly #wire: Wire;
  readonly #lost = new AbortController();
  readonly #slots = new Slots(MAX_SESSIONS);
  #open = 0;
  /** Since when the host refuses the only channel there is; undefined since it took one. */
  #refusedSince: number | undefined;
  #ended: Promise<void> | undefined;

  constructor(node: string, wire: Wire) {
    this.node = node;
    this.address = wire.address;
    this.user = wire.user;
    this.silenceMs = wire.silenceMs;
    this.#wire = wire;
    setMaxListeners(0, this.#lost.signal);
    wire.watch((why) => this.#lose(why), this.#lost.signal);
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  run(command: Command, options?: RunOptions): Promise<Finished> {
    return runChannel((each) => this.open(each), command, options);
  }

  /** `stdin` of the command is left to the caller. Take both outputs, or close: they share what the host may send. */
  async open(command: Command): Promise<Channel> {
    const line = quote(command.argv);
    for (let wait = 20; ; wait = Math.min(wait * 2, 500)) {
      this.lost.throwIfAborted();
      const release = await this.#untilLost(this.#slots.take());
      try {
        const channel = await this.#exec(line, release);
        this.#refusedSince = undefined;
        return channel;
      } catch (error) {
        if (this.lost.aborted) throw this.lost.reason;
        if (!(error instanceof ChannelRefused)) throw this.#noExec(error as Error);
        // Those that were not refused are what the host allows.
        this.#slots.lower(this.#open);
        if (this.#open === 0) {
          this.#refusedSince ??= performance.now();
          if (performance.now() - this.#refusedSince > REFUSED_MS) throw this.#noSession(error);
        }
        await this.#untilLost(pause(wait));
      }
    }
  }

  async close(): Promise<void> {
    this.#lose("bungee closed it");
    await this.#ended;
  }

  #exec(line: string, release: () => void): Promise<Channel> {
    this.#open += 1;
    let held = true;
    const closed = () => {
      if (!held) return;
      held = false;
      this.#open -= 1;
      release();
    };
    const started = this.#wire.exec(line, this.lost, closed);
    started.catch(closed);
    return this.#untilLost(started);
  }

  #lose(why: string): void {
    if (this.lost.aborted) return;
    this.#lost.abort(
      new ConnectionLostError(`the connection to ${this.node} at ${this.address} is lost: ${why}`, {
        mend: "what ran on the host may have gone on: ask it again",
        node: this.node,
      }),
    );
    this.#ended = this.#wire.end();
  }

  #noExec(cause: Error): LoginError {
    return new LoginError(`${this.user} may not run commands on ${this.node}`, {
      mend: "look at the key's line in the host's authorized keys, and at ForceCommand of its sshd",
      detail: cause.message,
      node: this.node,
    });
  }

  #noSession(cause: Error): LoginError {
    return new LoginError(`${this.node} lets ${this.user} in and then refuses every session`, {
      mend: "look at MaxSessions of the host's sshd",
      detail: cause.message,
      node: this.node,
    });
  }

  #untilLost<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = () => reject(this.lost.reason);
      if (this.lost.aborted) stop();
      this.lost.addEventListener("abort", stop, { once: true });
      promise.then(resolve, reject).finally(() => this.lost.removeEventListener("abort", stop));
    });
  }
}
