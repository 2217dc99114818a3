/** Splits what `follow` sends into the run's log and the closing JSON line. */

const HEADER = /^log (\d{1,15})$/;
/** Bytes. A longer line is no header and no answer, and not kept: the other side is not the activator. */
const LONGEST_LINE = 128 * 1024;
const LINES_KEPT = 100;
const NEWLINE = 0x0a;

export class FrameReader {
  /** Bytes of the log seen so far; where to go on after a lost connection. */
  offset: number;
  /** What came of a line that has no end yet; empty when it is too long already. */
  #pending: Buffer[] = [];
  #pendingLength = 0;
  #bodyLeft = 0;
  readonly #lines: string[] = [];
  readonly #onLog: (chunk: Buffer) => void;

  constructor(offset: number, onLog: (chunk: Buffer) => void) {
    this.offset = offset;
    this.#onLog = onLog;
  }

  push(chunk: Buffer): void {
    let left = chunk;
    while (left.length > 0) left = this.#bodyLeft > 0 ? this.#body(left) : this.#line(left);
  }

  /** The last lines that were not part of a frame; the answer is the last that is the protocol's. */
  rest(): string {
    return [...this.#lines, this.#takePending() ?? ""].join("\n");
  }

  #body(bytes: Buffer): Buffer {
    const body = bytes.subarray(0, this.#bodyLeft);
    this.#bodyLeft -= body.length;
    this.offset += body.length;
    this.#onLog(body);
    return bytes.subarray(body.length);
  }

  #line(bytes: Buffer): Buffer {
    const end = bytes.indexOf(NEWLINE);
    this.#keep(end === -1 ? bytes : bytes.subarray(0, end));
    if (end === -1) return Buffer.alloc(0);
    const line = this.#takePending();
    const header = line === undefined ? null : HEADER.exec(line);
    if (header) this.#bodyLeft = Number(header[1]);
    else if (line !== undefined) this.#lines.push(line);
    if (this.#lines.length > LINES_KEPT) this.#lines.shift();
    return bytes.subarray(end + 1);
  }

  #keep(piece: Buffer): void {
    this.#pendingLength += piece.length;
    if (this.#pendingLength <= LONGEST_LINE) this.#pending.push(piece);
    else this.#pending = [];
  }

  /** undefined: it was too long. */
  #takePending(): string | undefined {
    const line = this.#pendingLength > LONGEST_LINE ? undefined : Buffer.concat(this.#pending).toString("utf8");
    this.#pending = [];
    this.#pendingLength = 0;
    return line;
  }
}
