/** The transport openssh: SSH spoken by the `ssh` of this machine, whose one connection all commands share. */
import { setTimeout as pause } from "node:timers/promises";
import { MissingToolError } from "../../errors.ts";
import type { Channel } from "../connection.ts";
import { silenceOf } from "../destination.ts";
import type { Wire } from "../shared.ts";
import type { Master } from "./master.ts";
import { MuxClient } from "./mux.ts";

const LAST_WORDS_MS = 1000;

export class OpensshWire implements Wire {
  readonly address: string;
  readonly user: string;
  readonly silenceMs: number;
  readonly #master: Master;
  readonly #mux: MuxClient;

  private constructor(master: Master, mux: MuxClient) {
    this.address = master.destination.address;
    this.user = master.destination.user;
    this.silenceMs = silenceOf(master.destination);
    this.#master = master;
    this.#mux = mux;
  }

  /** The wire owns the master from then on. @throws MissingToolError when this ssh cannot share its connection */
  static async over(master: Master): Promise<OpensshWire> {
    try {
      return new OpensshWire(master, await MuxClient.connect(master.socket));
    } catch (cause) {
      await master.end();
      throw new MissingToolError(`ssh does not share its connection: ${(cause as Error).message}`, {
        mend: "install OpenSSH 8.5 or later",
        cause,
      });
    }
  }

  exec(line: string, lost: AbortSignal, closed: () => void): Promise<Channel> {
    return this.#mux.exec(line, lost, closed);
  }

  /** ssh itself looks for signs of life (ServerAliveInterval), and ends when there are none. */
  watch(lose: (why: string) => void): void {
    void this.#master.broken.then(lose);
    // Its socket closes when it ends, a moment before the reason is known.
    void this.#mux.closed
      .then(() => Promise.race([this.#master.broken, pause(LAST_WORDS_MS, undefined, { ref: false })]))
      .then((why) => lose(why ?? "its ssh closed the control socket"));
  }

  async end(): Promise<void> {
    this.#mux.end();
    await this.#master.end();
  }
}
