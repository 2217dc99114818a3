/** What a runner takes of a report: ten annotations of a kind, a MiB of summary. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LONGEST, renderMarkdown } from "../../../src/report/github-summary.ts";
import type { EventBody } from "../../../src/run/events.ts";
import type { Outcome } from "../../../src/run/outcome.ts";
import { at } from "./events.ts";
import { reported } from "./runner.ts";

describe("a fleet of which much goes wrong at once", () => {
  const names = (count: number) => Array.from({ length: count }, (_, index) => `host${index}`);
  const failed = (long: string): Outcome => ({
    kind: "failed",
    why: {
      code: "build",
      message: "it does not build",
      mend: "see the log",
      detail: `${`${long}\n`.repeat(60)}the last line`,
    },
  });
  const deployment = (ends: readonly (readonly [string, Outcome])[]) =>
    at([
      [0, { type: "deployment-started", deployment: "d1", action: "switch", nodes: ends.map(([node]) => node) }],
      ...ends.map(([node, outcome]) => [1, { type: "node-finished", node, outcome, ms: 1 }] as const),
      [2, { type: "deployment-finished", deployment: "d1", outcomes: Object.fromEntries(ends), exitCode: 1, ms: 2 }],
    ] satisfies (readonly [number, EventBody])[]);
  const SKIPPED: Outcome = { kind: "skipped", why: "db1 is not as wanted" };
  const annotations = (lines: readonly string[]) => lines.filter((line) => /^::(error|warning)/.test(line));

  test("ten annotations of a kind are all that is shown: the tenth names the others", async () => {
    const ends = [...names(30).map((node) => [node, failed("x")] as const), ["late", SKIPPED] as const];
    const said = annotations((await reported(deployment(ends))).lines);
    assert.deepEqual(
      said.map((line) => line.replace(/^::(\w+) title=(.*?)::.*/, "$1 $2")),
      [...names(9).map((node) => `error ${node} failed`), "warning late skipped", "error 21 more"],
    );
    assert.match(said.at(-1)!, /::host9 failed, host10 failed, .*, host29 failed%0Athe log and the summary say why$/);
  });

  test("ten are ten", async () => {
    const said = annotations((await reported(deployment(names(10).map((node) => [node, failed("x")])))).lines);
    assert.equal(said.length, 10);
    assert.match(said.at(-1)!, /^::error title=host9 failed::it does not build/);
  });

  test("what is held back is said where a deployment is left in the middle, too", async () => {
    const events = deployment(names(12).map((node) => [node, failed("x")] as const)).slice(0, -1);
    assert.match(annotations((await reported(events)).lines).at(-1)!, /^::error title=3 more::host9 failed,/);
  });

  test("a warning that is no host's counts, too", async () => {
    const warn: EventBody = { type: "notice", level: "warning", message: "look here" };
    const events = at(Array.from({ length: 12 }, (_, index) => [index, warn] as const));
    const said = annotations((await reported(events)).lines);
    assert.equal(said.length, 10);
    assert.match(said.at(-1)!, /^::warning title=3 more::look here/);
  });

  for (const [what, detail] of [
    ["of long logs", "<".repeat(1500)],
    ["of signs that take more bytes than they are long", "ж".repeat(1500)],
  ] as const)
    test(`the summary ${what} keeps within what a runner takes: the table first, then logs as far as they go`, async () => {
      const ends = names(600).map((node) => [node, failed(detail)] as const);
      const { summary } = await reported(deployment(ends));
      assert.ok(Buffer.byteLength(summary) <= 1024 * 1024, `${Buffer.byteLength(summary)} bytes`);
      assert.equal(summary.match(/^\| ❌ /gm)?.length, 500);
      assert.match(summary, /^and 100 more hosts: see the log$/m);
      const told = summary.match(/^<details>/gm)!.length;
      assert.ok(told > 40, `${told} are told`);
      assert.equal(summary.match(/^<\/details>/gm)?.length, told, "none is cut off");
      assert.match(summary, new RegExp(`^what ${600 - told} hosts said besides has no room here$`, "m"));
    });

  test("whatever room there is, the summary keeps to it, what it says of what is left out included", () => {
    const outcomes = new Map(names(12).map((node) => [node, failed("x")] as const));
    const summary = { action: "switch", outcomes, took: new Map(), exitCode: 1, ms: 1 } as const;
    const whole = Buffer.byteLength(renderMarkdown(summary, LONGEST));
    for (let bytes = 0; bytes <= whole + 300; bytes += 7)
      assert.ok(Buffer.byteLength(renderMarkdown(summary, bytes)) <= bytes, `${bytes}`);
  });

  test("rows that are too long for it are counted, not cut", async () => {
    const long: Outcome = { kind: "failed", why: { code: "build", message: "&".repeat(1900), mend: "&".repeat(1900) } };
    const { summary } = await reported(deployment(names(400).map((node) => [node, long] as const)));
    assert.ok(Buffer.byteLength(summary) <= 1024 * 1024, `${Buffer.byteLength(summary)} bytes`);
    const rows = summary.match(/^\| ❌ .*\|$/gm)!.length;
    assert.match(summary, new RegExp(`^and ${400 - rows} more hosts: see the log$`, "m"));
  });

  test("what the step has written before counts", async () => {
    const before = "x".repeat(900_000);
    const { summary } = await reported(
      deployment(names(300).map((node) => [node, failed("y".repeat(500))])),
      {},
      before,
    );
    assert.ok(summary.startsWith(before));
    assert.ok(summary.length <= 1024 * 1024, `${summary.length}`);
    const full = "x".repeat(1024 * 1024 - 10);
    assert.equal((await reported(deployment([["web1", failed("y")]]), {}, full)).summary, full);
  });
});
