/** When a confirmation is tried again. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { untilNextTry } from "../../../src/run/confirm.ts";

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

describe("a confirmation is tried again", () => {
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
