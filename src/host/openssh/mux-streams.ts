/** The standard streams of a command, at the pace that SSH's flow control sets. */
import { Readable, Writable } from "node:stream";

/** Bytes of output held for a slow reader before the host has to wait. */
const READ_AHEAD = 1024 * 1024;

/** An output, which gives the host room again as fast as it is read. */
export class Output extends Readable {
  readonly #read: (size: number) => void;
  #owed = 0;
  #finished = false;

  /** @param read told how many bytes were taken */
  constructor(read: (size: number) => void) {
    super({ highWaterMark: READ_AHEAD });
    this.#read = read;
    // `exited` tells of a loss also to those who do not look at the streams.
    this.on("error", () => {});
  }

  accept(chunk: Buffer): void {
    this.#owed += chunk.length;
    // What nobody wants any more is thrown away: the host would wait with the exit until somebody takes it.
    if (this.destroyed || this.push(chunk)) this.#pay();
  }

  finish(): void {
    if (!this.destroyed && !this.#finished) this.push(null);
    this.#finished = true;
  }

  lose(reason: Error): void {
    if (!this.readableEnded) this.destroy(reason);
  }

  override _read(): void {
    this.#pay();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#pay();
    done(error);
  }

  #pay(): void {
    const owed = this.#owed;
    this.#owed = 0;
    if (owed > 0) this.#read(owed);
  }
}

/** Standard input, at the host's pace. */
export class Input extends Writable {
  readonly #send: (chunk: Buffer) => number;
  readonly #sayEnd: () => void;
  #chunk: Buffer = Buffer.alloc(0);
  #done: ((error?: Error | null) => void) | undefined;

  /** @param send takes what the host has room for, and gives how much that was */
  constructor(send: (chunk: Buffer) => number, sayEnd: () => void) {
    super();
    this.#send = send;
    this.#sayEnd = sayEnd;
    this.on("error", () => {});
  }

  /** The host has room again. */
  flush(): void {
    if (this.#done === undefined) return;
    this.#chunk = this.#chunk.subarray(this.#send(this.#chunk));
    if (this.#chunk.length > 0) return;
    const done = this.#done;
    this.#done = undefined;
    done();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#chunk = chunk;
    this.#done = done;
    this.flush();
  }

  override _final(done: () => void): void {
    this.#sayEnd();
    done();
  }
}
