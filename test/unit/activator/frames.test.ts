import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameReader } from "../../../src/activator/frames.ts";

const ANSWER = '{"protocol":2,"run":"r1"}';

function read(pieces: readonly Buffer[], offset = 0) {
  const log: Buffer[] = [];
  const reader = new FrameReader(offset, (chunk) => log.push(Buffer.from(chunk)));
  for (const piece of pieces) reader.push(piece);
  return { log: Buffer.concat(log), rest: reader.rest(), offset: reader.offset };
}

const frame = (body: Buffer | string) =>
  Buffer.concat([Buffer.from(`log ${Buffer.byteLength(body)}\n`), Buffer.from(body)]);

test("bodies go to the log, the rest is the answer", () => {
  const sent = Buffer.concat([frame("one\n"), frame(""), frame("two"), Buffer.from(`${ANSWER}\n`)]);
  const { log, rest, offset } = read([sent], 10);
  assert.equal(log.toString(), "one\ntwo");
  assert.equal(rest.trim(), ANSWER);
  assert.equal(offset, 17);
});

test("it does not matter where the stream is cut", () => {
  const body = Buffer.from([0, 1, 10, 255, 108, 111, 103, 32, 57, 10, 123]);
  const sent = Buffer.concat([frame(body), frame("ende\n"), Buffer.from(`${ANSWER}\n`)]);
  for (let size = 1; size <= sent.length; size++) {
    const pieces = Array.from({ length: Math.ceil(sent.length / size) }, (_, i) =>
      sent.subarray(i * size, (i + 1) * size),
    );
    const { log, rest } = read(pieces);
    assert.deepEqual(log, Buffer.concat([body, Buffer.from("ende\n")]));
    assert.equal(rest.trim(), ANSWER);
  }
});

test("an answer inside a body is log, not answer", () => {
  const { log, rest } = read([frame(`${ANSWER}\n`), Buffer.from("\n")]);
  assert.equal(log.toString(), `${ANSWER}\n`);
  assert.ok(!rest.includes("protocol"));
});

test("noise before the first frame is kept apart", () => {
  const { log, rest } = read([Buffer.from("Welcome to web1!\n"), frame("x"), Buffer.from(`${ANSWER}\n`)]);
  assert.equal(log.toString(), "x");
  assert.match(rest, /^Welcome/);
});

test("a stream without an end of line costs no memory", () => {
  const reader = new FrameReader(0, () => assert.fail("nothing here is log"));
  for (let i = 0; i < 64; i++) reader.push(Buffer.alloc(256 * 1024, 0x61));
  assert.ok(reader.rest().length < 2 * 1024 * 1024);
});

test("a line that is too long is left out whole, wherever the stream is cut", () => {
  const sent = Buffer.from(`${"x".repeat(300_000)}${ANSWER}\nlog 1\ny${ANSWER}\n`);
  for (const size of [sent.length, 100_000, 4096, 999]) {
    const pieces = Array.from({ length: Math.ceil(sent.length / size) }, (_, i) =>
      sent.subarray(i * size, (i + 1) * size),
    );
    const { log, rest } = read(pieces);
    assert.deepEqual([log.toString(), rest.trim()], ["y", ANSWER]);
  }
});
