import assert from "node:assert/strict";
import { test } from "node:test";
import { LockedError, RefusedError } from "../../../src/errors.ts";
import { whenUnlocked } from "../../../src/run/lock-wait.ts";

const lockedBy = (who: string) => new LockedError(`${who} holds this host`, { mend: "" });

/** Work that is refused with these, one after the other, and then done. */
function work(refusals: readonly Error[]) {
  const tries = { count: 0 };
  const again = async () => {
    const refusal = refusals[tries.count++];
    if (refusal) throw refusal;
    return "done";
  };
  return { tries, again };
}

const waiting = (seconds: number, signal = new AbortController().signal) => {
  const said: string[] = [];
  return { seconds, signal, say: (line: string) => said.push(line), said };
};

test("a host that nobody holds is not waited for", async () => {
  const { again, tries } = work([]);
  const wait = waiting(60);
  assert.equal(await whenUnlocked(again, wait), "done");
  assert.deepEqual([tries.count, wait.said], [1, []]);
});

test("without a time to wait, a held host is an error at once", async () => {
  const { again, tries } = work([lockedBy("alice")]);
  await assert.rejects(whenUnlocked(again, waiting(0)), LockedError);
  assert.equal(tries.count, 1);
});

test("waits, and says each holder once", async () => {
  const { again } = work([lockedBy("alice"), lockedBy("alice"), lockedBy("bob")]);
  const wait = waiting(3600);
  assert.equal(await whenUnlocked(again, wait), "done");
  assert.equal(wait.said.length, 2);
  assert.equal(wait.said[0], "waits for at most 3600 s: alice holds this host");
  assert.match(wait.said[1]!, /: bob holds this host$/);
});

test("the time ends it, with the last refusal", async () => {
  // A timer may be a hair too early, and there is one try more.
  const refusals = Array.from({ length: 100 }, (_, index) => lockedBy(`holder ${index}`));
  const { again, tries } = work(refusals);
  await assert.rejects(whenUnlocked(again, waiting(0.05)), (error) => error === refusals[tries.count - 1]);
  assert.ok(tries.count >= 2 && tries.count < 10, `${tries.count} tries`);
});

test("an interruption ends it, with its own reason", async () => {
  const controller = new AbortController();
  const { again, tries } = work([lockedBy("alice")]);
  const wait = { ...waiting(3600, controller.signal), say: () => controller.abort(new Error("Ctrl-C")) };
  await assert.rejects(whenUnlocked(again, wait), /Ctrl-C/);
  assert.equal(tries.count, 1);
});

test("any other refusal is no reason to wait", async () => {
  const { again, tries } = work([new RefusedError("no", { mend: "", reason: "switching" })]);
  await assert.rejects(whenUnlocked(again, waiting(3600)), RefusedError);
  assert.equal(tries.count, 1);
});
