/** How long a try to log in may take, and when it is tried again. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LoginError, UnreachableError } from "../../../src/errors.ts";
import { Patience, untilNextTry } from "../../../src/run/patience.ts";

/** When tries begin, in milliseconds, if every login is refused. */
function tries(every: number, timeout: number): number[] {
  const began = [0];
  for (let refusals = 1; ; refusals++) {
    const now = began.at(-1)!;
    const next = now + untilNextTry(every, refusals, timeout - now);
    if (next > timeout) return began;
    // No timer is early.
    began.push(next + 1);
  }
}

/** The heaviest penalty that an sshd has in mind for whoever fails at these times: five seconds for each, which pass by themselves. */
function penalty(times: readonly number[]): number {
  let until = 0;
  return Math.max(
    ...times.map((now) => {
      until = Math.max(until, now) + 5000;
      return until - now;
    }),
  );
}

describe("a host that lets nobody in is asked again", () => {
  it("as often as the settings say, where nobody refuses the login", () => {
    for (const every of [100, 1000, 20_000])
      for (const left of [10, 8000, 300_000]) assert.equal(untilNextTry(every, 0, left), every);
  });

  for (const timeout of [8000, 30_000, 60_000, 300_000, 3_600_000]) {
    it(`within ${timeout / 1000} s, so seldom that a login that is refused shuts nobody out, and up to the end`, () => {
      for (const every of [100, 1000, 3000]) {
        const times = tries(every, timeout);
        // From here on OpenSSH acts on them.
        assert.ok(penalty(times) < 15_000, `${penalty(times)} ms of ${times}`);
        assert.ok(times.length >= 3, "it is tried, all the same");
        assert.ok(timeout - times.at(-1)! <= Math.max(every, 1000), `the last one of ${times}`);
      }
    });
  }

  it("never more often than the settings say", () => {
    for (const every of [3000, 20_000])
      for (const refusals of [1, 5, 2000]) assert.ok(untilNextTry(every, refusals, 60_000) >= every);
  });
});

describe("what one wait has learned counts for the next", () => {
  const refused = new LoginError("no", { mend: "" });
  const took = async (wait: () => Promise<unknown>) => {
    const began = performance.now();
    await wait();
    return performance.now() - began;
  };
  const soon = () => performance.now() + 60_000;

  it("a login that was refused is not tried at once by whoever comes then", async () => {
    const patience = new Patience();
    patience.missed(refused, patience.forTry(60_000), 1);
    assert.ok((await took(() => patience.untilAllowed(soon()))) > 900);
  });

  it("nor is one waited for that was let in since, or that nobody answered", async () => {
    const patience = new Patience();
    for (const then of [() => patience.reached(), () => patience.missed(new Error("gone"), 5000, 1)]) {
      patience.missed(refused, patience.forTry(60_000), 1);
      then();
      assert.ok((await took(() => patience.untilAllowed(soon()))) < 900);
    }
  });

  it("there is no next try when the time is over, and nobody waits for it", async () => {
    const now = performance.now();
    const patience = new Patience();
    assert.equal(await patience.untilNextTry({ began: now, deadline: now + 50, every: 60_000 }), false);
    assert.equal(await patience.untilNextTry({ began: now, deadline: now + 50, every: 20 }), true);
  });
});

describe("a try to log in has its time", () => {
  const slow = new UnreachableError("the login did not end in time", { mend: "", answered: true });
  const silent = new UnreachableError("no answer", { mend: "" });
  /** What each of these tries was allowed, when all of them took it. */
  const allowed = (left: number, errors: readonly unknown[]) => {
    const patience = new Patience();
    return errors.map((error) => {
      const ms = patience.forTry(left);
      patience.missed(error, ms, ms + 1);
      return ms;
    });
  };

  it("twice as much as the one before it, where a host takes its time", () =>
    assert.deepEqual(allowed(60_000, [slow, slow, slow, slow, slow]), [5000, 10_000, 20_000, 40_000, 60_000]));

  it("and no longer than TCP asks often, where nobody takes the connection", () =>
    assert.deepEqual(allowed(60_000, [silent, silent, silent, silent]), [5000, 10_000, 10_000, 10_000]));

  it("as before, where the host has said no, whatever that took", () =>
    assert.deepEqual(allowed(60_000, [new LoginError("no", { mend: "" }), slow, slow]), [5000, 5000, 10_000]));

  it("that of which no end was left teaches nothing, and the last one has a second", () => {
    const patience = new Patience();
    assert.equal(patience.forTry(300), 1000);
    patience.missed(slow, 1000, 1001);
    assert.equal(patience.forTry(60_000), 5000);
    patience.missed(silent, 5000, 20);
    assert.equal(patience.forTry(60_000), 5000, "a connection that is refused is no silence");
  });
});
