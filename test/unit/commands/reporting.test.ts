import assert from "node:assert/strict";
import { test } from "node:test";
import { logOf, withReporter } from "../../../src/commands/reporting.ts";
import { UsageError } from "../../../src/errors.ts";
import type { Reporter } from "../../../src/report/reporter.ts";
import type { Emit, Event } from "../../../src/run/events.ts";

function recorder(): Reporter & { readonly told: Event[]; closed: number } {
  const told: Event[] = [];
  return {
    told,
    closed: 0,
    event: (event) => void told.push(event),
    withTerminal: (talk) => talk(),
    async close() {
      this.closed += 1;
    },
  };
}

test("events get their time, and the reporter is closed", async () => {
  const reporter = recorder();
  const result = await withReporter(reporter, async (emit) => {
    emit({ type: "notice", level: "info", message: "hello" });
    assert.equal(reporter.closed, 0);
    return 7;
  });
  assert.equal(result, 7);
  assert.equal(reporter.closed, 1);
  assert.match(reporter.told[0]!.at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

test("an error is told to programs, and thrown on for people", async () => {
  const reporter = recorder();
  const error = new UsageError("no", { mend: "yes" });
  await assert.rejects(
    withReporter(reporter, async () => {
      throw error;
    }),
    error,
  );
  assert.equal(reporter.closed, 1);
  const { at: _at, ...told } = reporter.told[0]!;
  assert.deepEqual(told, { type: "command-failed", error: { code: "usage", message: "no", mend: "yes" }, exitCode: 2 });
});

test("nothing follows the end", async () => {
  const reporter = recorder();
  let late: Emit = () => {};
  await withReporter(reporter, async (emit) => {
    late = emit;
    emit({ type: "deployment-finished", deployment: "d", outcomes: {}, exitCode: 0, ms: 1 });
    emit({ type: "notice", level: "info", message: "late" });
  });
  late({ type: "notice", level: "info", message: "too late" });
  assert.deepEqual(
    reporter.told.map(({ type }) => type),
    ["deployment-finished"],
  );
});

test("what nix says while the fleet is read is a log line", () => {
  const told: unknown[] = [];
  const log = logOf((event) => told.push(event));
  log({ node: "web1", line: "warning: x", verbose: false });
  log({ node: null, line: "downloading", verbose: true });
  assert.deepEqual(told, [
    { type: "log", node: "web1", source: "nix", line: "warning: x" },
    { type: "log", node: null, source: "nix", line: "downloading", verbose: true },
  ]);
});
