/** Splits what `follow` sends into the run's log and the closing JSON line. */

const HEADER = /^log (\d{1,15})$/;
/** A line longer than this is no header and no answer: the other side is not the activator. */
const LONGEST_LINE = 1024 * 1024;

export class FrameReader {
  /** Bytes of the log seen so far; where to go on after a lost connection. */
  offset: number;
  #pending: Buffer = Buffer.alloc(0);
  #bodyLeft = 0;
  readonly #lines: string[] = [];
  readonly #onLog: (chunk: Buffer) => void;

  constructor(offset: number, onLog: (chunk: Buffer) => void) {
    this.offset = offset;
    this.#onLog = onLog;
  }

  push(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length > 0 && this.#step()) {
      // One header, one line or one piece of a body at a time.
    }
  }

  /** Every line that was not part of a frame; the answer is the last that is the protocol's. */
  rest(): string {
    return [...this.#lines, this.#pending.toString("utf8")].join("\n");
  }

  #step(): boolean {
    if (this.#bodyLeft > 0) {
      const body = this.#pending.subarray(0, this.#bodyLeft);
      this.#pending = this.#pending.subarray(body.length);
      this.#bodyLeft -= body.length;
      this.offset += body.length;
      this.#onLog(body);
      return true;
    }
    const end = this.#pending.indexOf(0x0a);
    if (end === -1) {
      if (this.#pending.length > LONGEST_LINE) this.#pending = Buffer.alloc(0);
      return false;
    }
    const line = this.#pending.subarray(0, end).toString("utf8");
    this.#pending = this.#pending.subarray(end + 1);
    const header = HEADER.exec(line);
    if (header) this.#bodyLeft = Number(header[1]);
    else this.#keep(line);
    return true;
  }

  #keep(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > 100) this.#lines.shift();
  }
}
