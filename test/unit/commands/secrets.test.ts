import assert from "node:assert/strict";
import { test } from "node:test";
import { askSecret } from "../../../src/commands/secrets.ts";
import { type FakeStreams, fakeStreams } from "./streams.ts";

const never = new AbortController().signal;

/** Gives what a person typed, as the program gets it. */
async function typed(...pieces: string[]): Promise<[answer: string | null, streams: FakeStreams]> {
  const streams = fakeStreams({ terminal: true });
  const answer = askSecret("Password: ", streams, never);
  for (const piece of pieces) {
    streams.type(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const secret = await answer;
  return [secret?.toString() ?? null, streams];
}

test("a secret is read to the end of the line, in pieces, and never shown", async () => {
  const [answer, streams] = await typed("hun", "ter", " 2 \r");
  assert.equal(answer, "hunter 2 ");
  assert.equal(streams.said, "Password: \n");
});

test("what was typed can be corrected", async () => {
  assert.equal((await typed("hunt\x7f\x7fx\r"))[0], "hux");
  assert.equal((await typed("pä\x7f\x08q\r"))[0], "q");
  assert.equal((await typed("\x7f\x7fq\r"))[0], "q");
  assert.equal((await typed("wrong\x15right\n"))[0], "right");
});

for (const [key, code] of [
  ["Ctrl-C", "\x03"],
  ["Ctrl-D", "\x04"],
]) {
  test(`${key} is no answer`, async () => assert.equal((await typed("hunter", code!))[0], null));
}

test("the end of the input is no answer", async () => {
  const streams = fakeStreams({ terminal: true });
  const answer = askSecret("Password: ", streams, never);
  streams.hangUp();
  assert.equal(await answer, null);
});

test("an interruption ends the question", async () => {
  const streams = fakeStreams({ terminal: true });
  const interruption = new AbortController();
  const answer = askSecret("Password: ", streams, interruption.signal);
  interruption.abort();
  assert.equal(await answer, null);
  assert.equal(await askSecret("Password: ", streams, interruption.signal), null);
});

test("the line after it is the next question's", async () => {
  const streams = fakeStreams({ terminal: true });
  const first = askSecret("One: ", streams, never);
  streams.type("one\rtwo\r");
  assert.equal(String(await first), "one");
  assert.equal(String(await askSecret("Two: ", streams, never)), "two");
});

test("no more than a kilobyte is taken", async () => {
  assert.equal((await typed("x".repeat(5000), "\r"))[0]?.length, 1024);
});

test("the terminal's echo is off before the question is there to be answered, and on again after", async () => {
  const streams = fakeStreams({ terminal: true });
  const modes: { echo: boolean; said: string }[] = [];
  streams.stdin.setRawMode = (raw) => {
    modes.push({ echo: !raw, said: streams.said });
    return streams.stdin;
  };
  const answer = askSecret("Password: ", streams, never);
  assert.deepEqual(modes, [{ echo: false, said: "" }]);
  assert.equal(streams.said, "Password: ");
  streams.type("x\r");
  await answer;
  assert.deepEqual(
    modes.map(({ echo }) => echo),
    [false, true],
  );
});
