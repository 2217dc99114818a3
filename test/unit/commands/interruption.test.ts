import assert from "node:assert/strict";
import { test } from "node:test";
import { Interruption } from "../../../src/commands/interruption.ts";
import { InterruptedError } from "../../../src/errors.ts";
import type { EventBody } from "../../../src/run/events.ts";

function open() {
  const told: EventBody[] = [];
  let left = 0;
  const interruption = new Interruption(
    (event) => told.push(event),
    () => left++,
  );
  return { interruption, told, left: () => left };
}

test("the first signal stops what has not begun and says so; the second one leaves", () => {
  const { interruption, told, left } = open();
  using _ = interruption;
  assert.equal(interruption.signal.aborted, false);
  process.emit("SIGINT", "SIGINT");
  assert.equal(interruption.signal.aborted, true);
  assert.ok(interruption.signal.reason instanceof InterruptedError);
  assert.deepEqual(told, [
    {
      type: "notice",
      level: "warning",
      message:
        "Ctrl-C: nothing new is started; hosts in activation come to their end. Once more leaves at once, and those hosts decide for themselves.",
    },
  ]);
  assert.equal(left(), 0);
  process.emit("SIGTERM", "SIGTERM");
  assert.equal(left(), 1);
  assert.equal(told.length, 1);
});

test("CI runners and logouts say it by other signals", () => {
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    const { interruption, told } = open();
    using _ = interruption;
    process.emit(signal, signal);
    assert.match((told[0] as { message: string }).message, new RegExp(`^${signal}: nothing new is started`));
  }
});

test("afterwards signals are nobody's business", () => {
  const before = process.listenerCount("SIGINT");
  const { interruption } = open();
  assert.equal(process.listenerCount("SIGINT"), before + 1);
  interruption[Symbol.dispose]();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) assert.equal(process.listenerCount(signal), before);
});
