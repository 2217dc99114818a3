/** The stream that `follow` sends, cut anywhere: frames, noise, lines without an end, and answers inside of the log. */
import assert from "node:assert/strict";
import { FrameReader } from "../../src/activator/frames.ts";
import type { Random } from "../chaos/random.ts";
import { hostileText, listOf } from "./hostile.ts";
import { pure } from "./target.ts";

const ANSWER = '{"protocol":2,"run":"r1","state":"committed"}';
/** What the reader takes for a line, in bytes. */
const LONGEST_LINE = 128 * 1024;

interface Input {
  readonly sent: Buffer;
  /** Where it is cut. */
  readonly cuts: readonly number[];
  readonly offset: number;
  readonly log: Buffer;
  /** Lines that are no frame. */
  readonly lines: readonly string[];
}

function generate(random: Random): Input {
  const sent: Buffer[] = [];
  const log: Buffer[] = [];
  const lines: string[] = [];
  for (let count = random.integer(0, 8); count > 0; count--) {
    if (random.chance(60)) {
      const body = bodyOf(random);
      sent.push(Buffer.from(`log ${body.length}\n`), body);
      log.push(body);
    } else {
      const line = lineOf(random);
      sent.push(Buffer.from(`${line}\n`));
      if (Buffer.byteLength(line) <= LONGEST_LINE) lines.push(line);
    }
  }
  const end = random.pick(["", ANSWER, `${ANSWER}\n`, ANSWER.slice(0, -1)]);
  sent.push(Buffer.from(end));
  lines.push(end.trimEnd());
  const all = Buffer.concat(sent);
  const cuts = random.chance(30) && all.length < 2000 ? all.length : random.integer(0, 20);
  return {
    sent: all,
    cuts: Array.from({ length: cuts }, (_, at) => (cuts === all.length ? at : random.integer(0, all.length))).sort(
      (a, b) => a - b,
    ),
    offset: random.integer(0, 2 ** 40),
    log: Buffer.concat(log),
    lines,
  };
}

function bodyOf(random: Random): Buffer {
  const text = random.pick([`${ANSWER}\n`, `\n${ANSWER}\n`, "log 5\nhello", "log 99999\n", "", hostileText(random)]);
  if (random.chance(30)) return Buffer.from(listOf(random, 0, 300, () => random.integer(0, 255)));
  return Buffer.from(text);
}

/** A line that no header is. */
function lineOf(random: Random): string {
  if (random.chance(3))
    return `${"x".repeat(random.pick([LONGEST_LINE, LONGEST_LINE + 1, 3 * LONGEST_LINE]))}${random.pick(["", "", ANSWER, "log 5"])}`;
  const text = random.pick([
    "log",
    "log ",
    "log -1",
    "log 1 ",
    " log 1",
    "log 0x10",
    "LOG 1",
    "log 9999999999999999",
    ANSWER,
    hostileText(random),
  ]);
  return text.replaceAll("\n", " ").replace(/^log (\d{1,15})$/, "log $1.");
}

function check({ sent, cuts, offset, log, lines }: Input): void {
  const got: Buffer[] = [];
  const reader = new FrameReader(offset, (chunk) => got.push(Buffer.from(chunk)));
  let start = 0;
  for (const end of [...cuts, sent.length]) {
    reader.push(sent.subarray(start, end));
    start = end;
  }
  assert.ok(Buffer.concat(got).equals(log), "the log is another than was sent");
  assert.equal(reader.offset, offset + log.length);
  assert.equal(reader.rest().trimEnd(), lines.join("\n").trimEnd());
}

export const frames = pure<Input>({ name: "frames", share: 1500, generate, check });
