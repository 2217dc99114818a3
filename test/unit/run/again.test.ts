/** What is tried again, how often, and what is not. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConnectionLostError, CopyError, LoginError, UnreachableError } from "../../../src/errors.ts";
import { again } from "../../../src/run/again.ts";

const lost = new ConnectionLostError("the connection is lost", { mend: "" });
const away = new UnreachableError("no answer", { mend: "" });

/** Work that fails with these, one after the other, and then gives a word. */
function failing(...errors: readonly Error[]) {
  const attempts: number[] = [];
  const said: string[] = [];
  const work = async (attempt: number) => {
    attempts.push(attempt);
    const error = errors[attempts.length - 1];
    if (error) throw error;
    return "done";
  };
  const { signal } = new AbortController();
  return { attempts, said, work, how: { signal, say: (line: string) => said.push(line) } };
}

describe("work over a line", { concurrency: true }, () => {
  it("goes on when the line broke and the host was away, and says why", async () => {
    const { attempts, said, work, how } = failing(lost, away);
    assert.equal(await again(work, how), "done");
    assert.deepEqual(attempts, [1, 2, 3]);
    assert.deepEqual(said, ["the connection is lost; trying again", "no answer; trying again"]);
  });

  it("three times at most, and what was last in the way is told", async () => {
    const { attempts, work, how } = failing(lost, lost, away, lost);
    await assert.rejects(again(work, how), away);
    assert.equal(attempts.length, 3);
  });

  it("as often as it may", async () => {
    const { attempts, work, how } = failing(lost, lost);
    await assert.rejects(again(work, { ...how, tries: 2 }), lost);
    assert.equal(attempts.length, 2);
  });

  for (const refusal of [
    new CopyError("it lacks a valid signature", { mend: "" }),
    new LoginError("the host lets nobody in", { mend: "" }),
  ]) {
    it(`once, where the host said no: ${refusal.message}`, async () => {
      const { attempts, work, how } = failing(refusal);
      await assert.rejects(again(work, how), refusal);
      assert.equal(attempts.length, 1);
    });
  }

  it("after what passes by itself, too", async () => {
    const collected = new CopyError("collected", { mend: "" });
    const { work, how } = failing(collected);
    assert.equal(await again(work, { ...how, passes: (error) => error === collected }), "done");
  });

  it("not where nobody waits any more, before the next try or while it waits for that", async () => {
    const interrupted = new Error("interrupted");
    const early = failing(lost);
    await assert.rejects(again(early.work, { ...early.how, signal: AbortSignal.abort(interrupted) }), lost);
    const late = failing(lost);
    const stop = new AbortController();
    setTimeout(() => stop.abort(interrupted), 50);
    const began = performance.now();
    await assert.rejects(again(late.work, { ...late.how, signal: stop.signal }), interrupted);
    assert.ok(performance.now() - began < 900);
    assert.deepEqual([early.attempts.length, late.attempts.length], [1, 1]);
  });
});
