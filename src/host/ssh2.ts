/** The connection port over ssh2: one TCP connection, as many commands at once as the host allows. */
import { setMaxListeners } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { ConnectionLostError, LoginError } from "../errors.ts";
import { type Command, collect, type Finished, type RunOptions } from "../process.ts";
import { wrapChannel } from "./channel.ts";
import type { Channel, Connection } from "./connection.ts";
import type { Login } from "./login.ts";
import { quote } from "./quote.ts";
import { Slots } from "./slots.ts";

/** sshd's default for MaxSessions. */
const MAX_SESSIONS = 10;
/** For how long a host that refuses the only channel is asked again: an ended command may still hold its session. */
const REFUSED_MS = 3000;
const CLOSE_MS = 1000;

export class Ssh2Connection implements Connection {
  readonly node: string;
  readonly address: string;
  readonly user: string;
  readonly #login: Login;
  readonly #lost = new AbortController();
  readonly #slots = new Slots(MAX_SESSIONS);
  #open = 0;

  constructor(node: string, login: Login) {
    this.node = node;
    this.address = login.destination.address;
    this.user = login.destination.user;
    this.#login = login;
    setMaxListeners(0, this.#lost.signal);
    this.#watch(login);
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async run(command: Command, options: RunOptions = {}): Promise<Finished> {
    const { signal, keep } = options;
    signal?.throwIfAborted();
    const opening = this.open(command);
    const work = opening.then(async (channel) => {
      channel.stdin.end(command.stdin ?? "");
      const [stdout, stderr, exit] = await Promise.all([
        collect(channel.stdout, keep, options.onStdout),
        collect(channel.stderr, keep, options.onStderr),
        channel.exited,
      ]);
      return { ...exit, stdout, stderr };
    });
    if (signal === undefined) return work;
    return new Promise((resolve, reject) => {
      const stop = () => {
        reject(signal.reason);
        opening.then((channel) => channel.close()).catch(() => {});
      };
      signal.addEventListener("abort", stop, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
    });
  }

  /** `stdin` of the command is left to the caller. Take both outputs, or close: they share what the host may send. */
  async open(command: Command): Promise<Channel> {
    const line = quote(command.argv);
    const start = performance.now();
    for (let wait = 20; ; wait = Math.min(wait * 2, 500)) {
      this.lost.throwIfAborted();
      const release = await this.#untilLost(this.#slots.take());
      try {
        return await this.#exec(line, release);
      } catch (error) {
        if (!(error instanceof ChannelRefused)) throw error;
        // Those that were not refused are what the host allows.
        this.#slots.lower(this.#open);
        if (this.#open === 0 && performance.now() - start > REFUSED_MS) throw this.#noSession(error);
        await this.#untilLost(pause(wait));
      }
    }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#login.client.once("close", () => resolve()));
    const was = this.lost.aborted;
    this.#lose("bungee closed it");
    if (was) return;
    await Promise.race([closed, pause(CLOSE_MS, undefined, { ref: false })]);
  }

  #exec(line: string, release: () => void): Promise<Channel> {
    const closed = () => {
      this.#open -= 1;
      release();
    };
    this.#open += 1;
    const started = new Promise<Channel>((resolve, reject) => {
      try {
        this.#login.client.exec(line, (error, source) => {
          if (error) {
            closed();
            const refused = typeof (error as { reason?: unknown }).reason === "number";
            reject(refused ? new ChannelRefused(error.message) : this.#noExec(error));
            return;
          }
          resolve(wrapChannel(source, this.lost, closed));
        });
      } catch (error) {
        closed();
        reject(this.#lossOf(String(error)));
      }
    });
    return this.#untilLost(started);
  }

  /**
   * Any byte is a sign of life. ssh2's own count knows only replies to its questions, which wait behind megabytes of data on a
   * slow link.
   */
  #watch({ client, stream, destination }: Login): void {
    const { intervalMs, count } = destination.keepalive;
    let heard = performance.now();
    let ticked = heard;
    stream.on("data", () => {
      heard = performance.now();
    });
    const timer = setInterval(() => {
      const now = performance.now();
      // The machine slept, or was too busy to read: the host's silence is not its own.
      if (now - ticked > 2 * intervalMs) heard = now;
      ticked = now;
      if (now - heard > intervalMs * count)
        this.#lose(`nothing came from the host for ${Math.round((now - heard) / 1000)} s`);
    }, intervalMs).unref();
    let why = "the host closed it";
    client.on("error", (error) => {
      why = error.message;
    });
    client.on("end", () => this.#lose(why));
    client.on("close", () => this.#lose(why));
    this.lost.addEventListener("abort", () => clearInterval(timer), { once: true });
  }

  #lose(why: string): void {
    if (this.lost.aborted) return;
    this.#lost.abort(this.#lossOf(why));
    this.#login.end();
  }

  #lossOf(why: string): ConnectionLostError {
    return new ConnectionLostError(`the connection to ${this.node} at ${this.address} is lost: ${why}`, {
      mend: "what ran on the host may have gone on: ask it again",
      node: this.node,
    });
  }

  #noExec(cause: Error): Error {
    if (this.lost.aborted) return this.lost.reason;
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

class ChannelRefused extends Error {}
