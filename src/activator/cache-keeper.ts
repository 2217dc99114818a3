/** What is asked of the host of a binary cache: the one place that knows how it keeps what was pushed. The script is cache/keeper.sh. */
import { z } from "zod";
import type { Connection } from "../host/connection.ts";
import type { Finished, RunOptions } from "../process.ts";
import { Access } from "./access.ts";
import { parseAnswer } from "./protocol.ts";
import { CACHE_KEEPER } from "./script.ts";

const infoSchema = z.object({
  /** Whether its nix takes paths that nobody signed, of who asks. */
  takesUnsigned: z.boolean(),
  /** Else: whose signatures it takes. */
  keys: z.array(z.string()),
  storeFreeBytes: z.number(),
});
export type CacheInfo = z.infer<typeof infoSchema>;

const keptSchema = z.object({
  root: z.string(),
  /** Releases of the node that no garbage collection takes now, and those that were let go of. */
  kept: z.number(),
  dropped: z.number(),
});
export type Kept = z.infer<typeof keptSchema>;

/** The verbs over one connection, which is elevated already. They throw ConnectionLostError when it breaks. */
export class CacheKeeper {
  readonly #connection: Connection;
  readonly #access = new Access();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Whether the login is a push user's. Known once a question was answered. */
  get restricted(): boolean {
    return this.#access.restricted;
  }

  async info(options?: RunOptions): Promise<CacheInfo> {
    return parseAnswer(infoSchema, "info", await this.#say(["info"], "", options));
  }

  /**
   * Keeps a release that is there whole, and the newest `count` of the node. The names may be any.
   * @throws RefusedError with the reason not-valid when it is not there
   */
  async keep(fleet: string, node: string, count: number, release: string): Promise<Kept> {
    const words = ["keep", asDirectory(fleet), asDirectory(node), String(count)];
    return parseAnswer(keptSchema, "keep", await this.#say(words, release));
  }

  #say(words: readonly string[], input: string, options?: RunOptions): Promise<Finished> {
    return this.#access.ask(
      this.#connection,
      { name: "bungee-cache-keeper", script: CACHE_KEEPER, words, input },
      options,
    );
  }
}

/** Any text as the name of a directory that no other text has: what is not plain becomes `+` and its bytes in hex. */
export function asDirectory(name: string): string {
  const bytes = [...Buffer.from(name, "utf8")];
  return bytes
    .map((byte, index) => {
      const char = String.fromCharCode(byte);
      const plain = /[A-Za-z0-9_-]/.test(char) || (char === "." && index > 0);
      return plain ? char : `+${byte.toString(16).padStart(2, "0")}`;
    })
    .join("");
}
