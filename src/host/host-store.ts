/**
 * A host's nix store, over one line after the other. A line that falls silent leaves its nix-daemons on the host, whose kernel may take the line
 * for whole for two hours; for so long they would hold the locks of what was on its way.
 */
import { randomBytes } from "node:crypto";
import type { Connection } from "./connection.ts";
import { END_MARKED, END_SILENT } from "./left-daemons.ts";
import { openStoreTunnel, type StoreTunnel } from "./store-tunnel.ts";

interface Opening {
  /** As root, as a store tunnel has it. What a gated user's line has left is ended by the host's own sshd (nix/gated-sshd.nix). */
  readonly root: boolean;
  readonly signal: AbortSignal;
  /** Told what was in the way. */
  readonly say: (line: string) => void;
}

/** Without a byte for so long, something may be in the way. Then less and less often: a build on the host may be silent by itself. */
const STALLED_MS = 10_000;

export class HostStore {
  readonly #mark = randomBytes(8).toString("hex");
  #last: Connection | undefined;

  /** Ends first what another line of this store may have left. @throws ConnectionLostError */
  async open(connection: Connection, { root, signal, say }: Opening): Promise<StoreTunnel> {
    if (!root) return await openStoreTunnel(connection);
    if (this.#last !== undefined && this.#last !== connection) {
      await connection.run({ argv: ["sh", "-c", END_MARKED, "sh", this.#mark], root }, { signal });
    }
    this.#last = connection;
    const environment = [`BUNGEE_STORE=${this.#mark}`, `BUNGEE_SILENCE=${Math.ceil(connection.silenceMs / 1000)}`];
    const tunnel = await openStoreTunnel(connection, { root, environment });
    const endSilent = async () => {
      const { stdout } = await connection.run({ argv: ["sh", "-c", END_SILENT], root }, { signal });
      if (stdout.trim() !== "") say("what a line that fell silent had left on the host held the store: it is ended");
    };
    let ending: Promise<void> | undefined;
    const stop = whenStalled(tunnel, () => {
      ending = endSilent().catch(() => {});
    });
    const close = async () => {
      stop();
      // It is told while it is still known what for.
      await ending;
      await tunnel.close();
    };
    return { ...tunnel, close, [Symbol.asyncDispose]: close };
  }
}

/** @returns what ends the watch */
function whenStalled(tunnel: StoreTunnel, act: () => void): () => void {
  const moved = () => {
    const { sent, received } = tunnel.bytes();
    return sent + received;
  };
  let timer: NodeJS.Timeout;
  const look = (before: number, wait: number) => {
    timer = setTimeout(() => {
      const now = moved();
      if (now === before) act();
      look(now, now === before ? wait * 2 : STALLED_MS);
    }, wait).unref();
  };
  look(moved(), STALLED_MS);
  return () => clearTimeout(timer);
}
