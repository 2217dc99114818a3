/** What nix says on stderr: records with anything in them, cut anywhere. Nothing throws, and nothing speaks to the terminal. */
import assert from "node:assert/strict";
import { LogParser, type LogRecord } from "../../src/nix/log.ts";
import type { Random } from "../chaos/random.ts";
import { hostileText, hostileValue, listOf, mutated, nested, toJson } from "./hostile.ts";
import { pure } from "./target.ts";

interface Input {
  readonly sent: Buffer;
  readonly cuts: readonly number[];
}

const RECORDS: readonly Readonly<Record<string, unknown>>[] = [
  {
    action: "msg",
    level: 0,
    msg: "error: x",
    raw_msg: "x",
    file: "/a/flake.nix",
    line: 1,
    column: 2,
    trace: [{ raw_msg: "y", file: null, line: null, column: null }],
  },
  { action: "msg", level: 1, msg: "warning: x" },
  { action: "start", id: 1, level: 3, type: 105, text: "building", fields: ["/nix/store/x.drv", "", 1, 1] },
  { action: "start", id: 2, level: 0, type: 104, text: "" },
  { action: "result", id: 1, type: 101, fields: ["a line"] },
  { action: "result", id: 2, type: 105, fields: [1, 2, 3, 0] },
  { action: "stop", id: 1 },
];

/** Of a build that has begun, what no text can be made of. */
const NO_TEXT: readonly unknown[] = [
  { toString: 1 },
  { valueOf: {}, toString: null },
  nested(10_000),
  nested(100),
  [[[]]],
  [{ toString: 1 }],
  null,
  {},
];

function generate(random: Random): Input {
  const lines = listOf(random, 0, 8, () => {
    const record = random.pick(RECORDS);
    const key = random.pick(Object.keys(record));
    switch (random.integer(0, 5)) {
      case 0:
        return `@nix ${toJson(record)}`;
      case 1:
        return `@nix ${toJson({ ...record, [key]: hostileValue(random) })}`;
      case 2:
        return `@nix ${toJson({ ...record, [key]: [hostileValue(random)] })}`;
      case 3:
        return RECORDS.slice(2, 6)
          .map(
            (known) =>
              `@nix ${toJson({ ...known, ...(known.action === "result" ? { fields: listOf(random, 0, 4, () => random.pick(NO_TEXT)) } : {}) })}`,
          )
          .join("\n");
      case 4:
        return mutated(random, `@nix ${toJson(record)}`);
      default:
        return hostileText(random);
    }
  });
  const sent = Buffer.from(lines.join("\n"));
  return { sent, cuts: listOf(random, 0, 20, () => random.integer(0, sent.length)).sort((a, b) => a - b) };
}

function read(pieces: readonly Buffer[]): LogRecord[] {
  const records: LogRecord[] = [];
  const parser = new LogParser((record) => records.push(record));
  for (const piece of pieces) parser.write(piece);
  parser.end();
  return records;
}

function check({ sent, cuts }: Input): void {
  const ends = [...cuts, sent.length];
  const pieces = ends.map((end, index) => sent.subarray(ends[index - 1] ?? 0, end));
  const records = read(pieces);
  assert.deepEqual(records, read([sent]), "it matters where it is cut");
  // Reports clean what they print; this is the first of two sieves.
  for (const text of records.flatMap(textsOf))
    assert.ok(!/[\x00-\x08\x0b-\x1f\x7f]/.test(text), `it speaks to the terminal: ${JSON.stringify(text)}`);
}

function textsOf(record: LogRecord): string[] {
  if (record.kind === "error") return [record.error.message, ...record.error.trace.map(({ message }) => message)];
  if (record.kind === "message") return [record.text];
  return record.kind === "plain" || record.kind === "build-line" ? [record.line] : [];
}

export const nixLog = pure<Input>({ name: "nix-log", share: 500, generate, check });
