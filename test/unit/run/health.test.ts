/** When checks are well, given up or out of time; the tries themselves are told by the test. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { UnhealthyError } from "../../../src/errors.ts";
import type { HealthCheck } from "../../../src/fleet/health-checks.ts";
import { Health } from "../../../src/run/health.ts";
import type { Ask } from "../../../src/run/probe.ts";

const check = (more: Partial<HealthCheck> = {}): HealthCheck => ({
  probe: { kind: "command", command: "true" },
  period: 0.01,
  timeout: 5,
  retries: null,
  ...more,
});
const YES = { ok: true, message: "fine", output: [] };
const NO = { ok: false, message: "busy", output: ["first", "second"] };
const inAWhile = () => performance.now() + 60_000;

/** Answers with each of the words in turn, "+" or "-", and with the last for ever. Counts the tries. */
function asked(script: Readonly<Record<string, string>>) {
  const tries: Record<string, number> = {};
  const ask: Ask = async (name) => {
    const words = script[name]!;
    const turn = (tries[name] ?? 0) + 1;
    tries[name] = turn;
    return words[Math.min(turn, words.length) - 1] === "+" ? YES : NO;
  };
  return { ask, tries };
}

function healthOf(checks: Readonly<Record<string, HealthCheck>>) {
  const said: string[] = [];
  return { health: new Health(checks, (line) => said.push(line)), said };
}

describe("health", () => {
  it("without checks all is well, and nobody is asked", async () => {
    const { health } = healthOf({});
    await health.untilWell(() => assert.fail("asked"), 0);
    assert.equal(health.complaint, undefined);
  });

  it("is tried again until it is well; each change is said once", async () => {
    const { health, said } = healthOf({ web: check() });
    const { ask, tries } = asked({ web: "---+" });
    await health.untilWell(ask, inAWhile());
    assert.equal(tries.web, 4);
    assert.deepEqual(said, ["health check web is not well yet: busy", "health check web is well: fine"]);
  });

  it("all have to be well at once: the first is asked again while the second is slow", async () => {
    const { health, said } = healthOf({ web: check(), db: check({ period: 0.05 }) });
    const { ask } = asked({ web: `+${"-".repeat(12)}+`, db: "-+" });
    await health.untilWell(ask, inAWhile());
    assert.deepEqual(
      said.filter((line) => line.includes("web")),
      ["health check web is well: fine", "health check web is no longer well: busy", "health check web is well: fine"],
    );
  });

  for (const retries of [0, 2]) {
    it(`is given up after ${retries} forgiven failures in a row, whatever the others do`, async () => {
      const { health } = healthOf({ web: check({ retries }), db: check(), slow: check() });
      const { ask, tries } = asked({ web: "-", db: "+" });
      const asking: Ask = (name, one, signal) =>
        name === "slow" ? pause(60_000, YES, { signal }) : ask(name, one, signal);
      await assert.rejects(health.untilWell(asking, inAWhile()), (error) => {
        assert.ok(error instanceof UnhealthyError);
        assert.equal(
          error.message,
          `health check web fails: busy (${retries === 0 ? "tried once" : `tried ${retries + 1} times`})`,
        );
        assert.equal(error.detail, "web: first\nweb: second");
        return true;
      });
      assert.equal(tries.web, retries + 1);
    });
  }

  it("failures count in a row only", async () => {
    const { health } = healthOf({ web: check({ retries: 1 }), db: check() });
    const { ask } = asked({ web: "-+-+-+", db: "-----+" });
    await health.untilWell(ask, inAWhile());
  });

  it("failures go on being counted over a new connection", async () => {
    const { health } = healthOf({ web: check({ retries: 2 }) });
    const broken = new Error("the connection is lost");
    let turn = 0;
    const ask: Ask = async () => {
      turn += 1;
      if (turn === 3) throw broken;
      return NO;
    };
    await assert.rejects(health.untilWell(ask, inAWhile()), broken);
    await assert.rejects(health.untilWell(ask, inAWhile()), UnhealthyError);
    assert.equal(turn, 4);
  });

  it("out of time: those that fail and those that did not answer are named, and no try goes on", async () => {
    const { health } = healthOf({ web: check(), hangs: check(), fine: check() });
    const ended = Promise.withResolvers<void>();
    const { ask } = asked({ web: "-", fine: "+" });
    const asking: Ask = (name, one, signal) => {
      if (name !== "hangs") return ask(name, one, signal);
      signal.addEventListener("abort", () => ended.resolve());
      return pause(60_000, YES, { signal });
    };
    await assert.rejects(health.untilWell(asking, performance.now() + 300), (error) => {
      assert.ok(error instanceof UnhealthyError);
      assert.match(
        error.message,
        /^health check web fails: busy \(tried \d+ times\); health check hangs fails: it has not answered \(tried once\)$/,
      );
      return true;
    });
    await ended.promise;
  });
});
