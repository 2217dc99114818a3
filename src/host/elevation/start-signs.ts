/**
 * Signs on a root command's standard error, which tell for certain what sudo and its like do: they ask for a password, or they
 * have started the command. Only then is anything written to the command's standard input. A sign has a number that nobody can guess.
 */
import { randomBytes } from "node:crypto";
import type { Readable } from "node:stream";

/** A lecture, a banner, what a shell's start-up files print: more than that before a sign is thrown away. */
const KEEP = 64 * 1024;

/**
 * Prints the sign of the start; the exit code and everything after it are the command's own. doas and run0 give a PATH of their own,
 * which on NixOS lacks what the system has: nix-daemon.
 */
const ANNOUNCE = 'PATH=$PATH:/run/current-system/sw/bin; export PATH; printf %s "$1" >&2; shift; exec "$@"';

export class StartSigns {
  readonly #number = randomBytes(16).toString("hex");
  readonly #pattern = new RegExp(`bungee-${this.#number}(?:!|\\?([^:]*):)`);
  #said = "";

  /** For `sudo -p`, which puts in whose password it wants. */
  get prompt(): string {
    return `bungee-${this.#number}?%p:`;
  }

  /** The command, telling of its start. */
  announced(argv: readonly string[]): [string, ...string[]] {
    return ["/bin/sh", "-c", ANNOUNCE, "bungee", `bungee-${this.#number}!`, ...argv];
  }

  /** What was printed between the signs. */
  get said(): string {
    return Buffer.from(this.#said, "latin1").toString("utf8").replaceAll("\r", "").trim();
  }

  /**
   * The next sign; what comes after it stays in the stream.
   * @returns undefined when the stream ends without one
   */
  next(stderr: Readable): Promise<{ readonly asksFor: string } | "started" | undefined> {
    return new Promise((resolve) => {
      let text = "";
      const stop = (result: { asksFor: string } | "started" | undefined, before: string) => {
        stderr.off("readable", look).off("end", none).off("close", none);
        this.#said = (this.#said + before).slice(-KEEP);
        resolve(result);
      };
      const look = () => {
        for (let chunk = stderr.read(); chunk !== null; chunk = stderr.read()) {
          text += (chunk as Buffer).toString("latin1");
          const sign = this.#pattern.exec(text);
          if (sign === null) {
            text = text.slice(-KEEP);
            continue;
          }
          const rest = Buffer.from(text.slice(sign.index + sign[0].length), "latin1");
          const [, asksFor] = sign;
          stop(asksFor === undefined ? "started" : { asksFor }, text.slice(0, sign.index));
          // At once: the end of the stream may have come already, and would be told in the next tick.
          if (rest.length > 0) stderr.unshift(rest);
          return;
        }
      };
      const none = () => stop(undefined, text);
      if (stderr.readableEnded || stderr.destroyed) none();
      else stderr.on("readable", look).once("end", none).once("close", none);
    });
  }
}
