/** nix-daemon's half of a conversation, without what the host's login shell printed before it. */
import { Transform, type TransformCallback } from "node:stream";

/** The first word that the daemon says, WORKER_MAGIC_2 of nix's worker protocol, as it is sent: 64 bits, the lowest byte first. */
const GREETING = Buffer.from("6f69786400000000", "hex");

/** Lets everything through from the daemon's greeting on. A motd or an `echo` in a profile would else be taken for the protocol. */
export class FromGreeting extends Transform {
  #held: Buffer = Buffer.alloc(0);
  #greeted = false;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#greeted) {
      done(null, chunk);
      return;
    }
    const bytes = Buffer.concat([this.#held, chunk]);
    const at = bytes.indexOf(GREETING);
    this.#greeted = at >= 0;
    // Its beginning may be there already.
    this.#held = bytes.subarray(Math.max(0, bytes.length - GREETING.length + 1));
    done(null, this.#greeted ? bytes.subarray(at) : null);
  }
}
