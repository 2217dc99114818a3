/** For memory.test.ts: reads hundreds of megabytes with little memory, and tells the most it held. */
import { FrameReader } from "../../src/activator/frames.ts";
import { parseAnswer, statusSchema } from "../../src/activator/protocol.ts";
import { ProtocolError } from "../../src/errors.ts";
import { lineSplitter } from "../../src/lines.ts";
import { LogParser } from "../../src/nix/log.ts";
import { runNix } from "../../src/nix/run.ts";
import { runLocal } from "../../src/process.ts";

const PIECE = 64 * 1024;
const TOTAL = 200 * 1024 * 1024;
/** Of what is many lines, which all are read. */
const LINES = 4 * 1024 * 1024;

/** What is poured, in pieces of this. */
const POURED: Readonly<Record<string, Buffer>> = {
  "a line without an end": Buffer.alloc(PIECE, 0x61),
  "empty lines": Buffer.alloc(PIECE, 0x0a),
  "short lines": Buffer.from("ab\n".repeat(PIECE / 4)),
  "answers that are none": Buffer.from('{"protocol":2,"run":\n'.repeat(PIECE / 32)),
  headers: Buffer.from("log 0\n".repeat(PIECE / 8)),
  binary: Buffer.from(Array.from({ length: PIECE }, (_, index) => ((index * 197) % 256) | 0x10)),
  "nix records": Buffer.from(
    `@nix {"action":"start","id":1,"level":3,"type":105,"text":"x","fields":["/x.drv"]}\n`.repeat(500),
  ),
};

const READERS: Readonly<Record<string, (piece: Buffer) => void>> = {
  frames: read(
    (reader) => reader.push,
    () => new FrameReader(0, () => {}),
  ),
  "nix' log": read(
    (parser) => parser.write,
    () => new LogParser(() => {}),
  ),
  lines: read(
    (splitter) => splitter.push,
    () => lineSplitter(() => {}),
  ),
};

function read<T>(method: (reader: T) => (piece: Buffer) => void, make: () => T): (piece: Buffer) => void {
  const reader = make();
  return (piece) => method(reader).call(reader, piece);
}

let most = 0;
const look = () => {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  most = Math.max(most, heapUsed + arrayBuffers);
};

for (const [name, piece] of Object.entries(POURED)) {
  for (const [reader, push] of Object.entries(READERS)) {
    const total = piece.includes("\n") ? LINES : TOTAL;
    for (let poured = 0; poured < total; poured += piece.length) {
      push(piece);
      if (poured % (64 * PIECE) === 0) look();
    }
    console.error(`${reader}, ${name}: ${Math.round(most / 2 ** 20)} MiB`);
  }
}

// A host that talks without end: what is kept of it is what an answer may take.
const finished = await runLocal(
  { argv: ["sh", "-c", `yes '{"protocol":2,"run":"x"}' | head -c ${TOTAL}`] },
  { keep: 1024 * 1024, onStdout: look },
);
try {
  parseAnswer(statusSchema, "status", finished);
  process.exitCode = 1;
} catch (error) {
  if (!(error instanceof ProtocolError)) throw error;
}

// Nix with more to complain of than anybody reads: what is kept of it is what an error shows.
const complaint = `@nix ${JSON.stringify({ action: "msg", level: 0, msg: "x", raw_msg: "x".repeat(50_000) })}`;
const complaints = `i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); printf '%s\\n' "$1"; done >&2`;
for (const line of [complaint, "x".repeat(100_000)]) {
  const { errors, plain } = await runNix({ argv: ["sh", "-c", complaints, "sh", line] }, { onRecord: look });
  if (errors.length + plain.length === 0) process.exitCode = 1;
  look();
  console.error(`nix that fails: ${Math.round(most / 2 ** 20)} MiB`);
}
console.log(most);
