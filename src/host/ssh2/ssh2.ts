/** The transport ssh2: SSH spoken by this process itself, over one TCP connection. */
import { setTimeout as pause } from "node:timers/promises";
import type { Channel } from "../connection.ts";
import { silenceOf } from "../destination.ts";
import { ChannelRefused, type Wire } from "../shared.ts";
import { wrapChannel } from "./channel.ts";
import type { Login } from "./login.ts";

const CLOSE_MS = 1000;

export class Ssh2Wire implements Wire {
  readonly address: string;
  readonly user: string;
  readonly silenceMs: number;
  readonly #login: Login;
  readonly #closed: Promise<void>;
  #lose: (why: string) => void = () => {};

  constructor(login: Login) {
    this.address = login.destination.address;
    this.user = login.destination.user;
    this.silenceMs = silenceOf(login.destination);
    this.#login = login;
    this.#closed = new Promise((resolve) => login.client.once("close", () => resolve()));
  }

  exec(line: string, lost: AbortSignal, closed: () => void): Promise<Channel> {
    return new Promise((resolve, reject) => {
      try {
        this.#login.client.exec(line, (error, source) => {
          if (error === undefined) {
            resolve(wrapChannel(source, lost, closed));
            return;
          }
          const refused = typeof (error as { reason?: unknown }).reason === "number";
          reject(refused ? new ChannelRefused(error.message) : error);
        });
      } catch (error) {
        // It has noticed the end of the connection before it told us.
        this.#lose(String(error));
        reject(error);
      }
    });
  }

  async end(): Promise<void> {
    this.#login.end();
    await Promise.race([this.#closed, pause(CLOSE_MS, undefined, { ref: false })]);
  }

  /**
   * Any byte is a sign of life. ssh2's own count knows only replies to its questions, which wait behind megabytes of data on a
   * slow link. Told after ServerAliveInterval × ServerAliveCountMax without a byte, up to one interval late; ssh counts the
   * questions that nobody answered, and is one interval later at the same settings.
   */
  watch(lose: (why: string) => void, lost: AbortSignal): void {
    this.#lose = lose;
    const { client, stream, destination } = this.#login;
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
        lose(`nothing came from the host for ${Math.round((now - heard) / 1000)} s`);
    }, intervalMs).unref();
    let why = "the host closed it";
    client.on("error", (error) => {
      why = error.message;
    });
    client.on("end", () => lose(why));
    client.on("close", () => lose(why));
    lost.addEventListener("abort", () => clearInterval(timer), { once: true });
  }
}
