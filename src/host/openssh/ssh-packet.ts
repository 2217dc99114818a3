/** Packets of SSH's connection protocol (RFC 4254), written and read field by field. */

export type Field = number | string | boolean | Buffer;

/**
 * The type, then the fields: numbers as uint32, texts and buffers with their length before them.
 * @returns to be sent in a row: a buffer at the end is data, and not copied
 */
export function packet(type: number, ...fields: Field[]): Buffer[] {
  const last = fields.at(-1);
  if (!Buffer.isBuffer(last)) return [Buffer.concat([Buffer.of(type), ...fields.flatMap(encode)])];
  return [Buffer.concat([Buffer.of(type), ...fields.slice(0, -1).flatMap(encode), uint32(last.length)]), last];
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function encode(field: Field): Buffer[] {
  if (typeof field === "number") return [uint32(field)];
  if (typeof field === "boolean") return [Buffer.of(field ? 1 : 0)];
  const bytes = typeof field === "string" ? Buffer.from(field) : field;
  return [uint32(bytes.length), bytes];
}

/** Reads a packet's fields in their order. @throws RangeError behind its end */
export class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    this.#at += 1;
    return this.#bytes.readUInt8(this.#at - 1);
  }

  uint32(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  boolean(): boolean {
    return this.byte() !== 0;
  }

  /** Without a copy. */
  bytes(): Buffer {
    const length = this.uint32();
    if (this.#at + length > this.#bytes.length) throw new RangeError("a field is longer than its packet");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(): string {
    return this.bytes().toString("utf8");
  }
}
