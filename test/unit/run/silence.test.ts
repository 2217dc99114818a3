import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ConnectionLostError } from "../../../src/errors.ts";
import { unlessSilent } from "../../../src/run/silence.ts";

/** Never answers; ends when it is told to. */
const silent = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("a host that says nothing is given up as lost", async () => {
  await assert.rejects(
    unlessSilent(20, ({ signal }) => silent(signal)),
    (error) => error instanceof ConnectionLostError && error.mend !== "",
  );
});

test("every sign of life gives it the whole time again", async () => {
  const answer = await unlessSilent(200, async ({ signal, onBeat }) => {
    for (let beat = 0; beat < 5; beat++) {
      await pause(80);
      signal.throwIfAborted();
      onBeat();
    }
    return "done";
  });
  assert.equal(answer, "done");
});

test("an answer, and an error, are passed on", async () => {
  assert.equal(await unlessSilent(1000, () => Promise.resolve(1)), 1);
  await assert.rejects(
    unlessSilent(1000, () => Promise.reject(new TypeError("x"))),
    TypeError,
  );
});
