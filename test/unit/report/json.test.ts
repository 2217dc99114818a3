import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { jsonReporter, stringify } from "../../../src/report/json.ts";
import { capture } from "./capture.ts";
import { good, hostile, interrupted, mixed } from "./events.ts";

test("one event per line, the same data, versioned", async () => {
  for (const events of [good(), mixed(), interrupted(), hostile()]) {
    const lines = (await capture(jsonReporter, events)).trimEnd().split("\n");
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      events.map((event) => ({ version: 1, ...event })),
    );
  }
});

test("exact", async () => {
  const [line] = (await capture(jsonReporter, mixed().slice(3, 4))).split("\n");
  assert.equal(
    line,
    '{"version":1,"at":"2026-03-01T12:00:01.060Z","type":"node-finished","node":"db1","outcome":{"kind":"failed",' +
      '"why":{"code":"unreachable","message":"cannot reach db1: 10.77.0.13 port 22: connection refused",' +
      '"mend":"is it on? try: ssh 10.77.0.13","node":"db1"}},"ms":1010}',
  );
});

test("nothing that a terminal or a CI runner obeys is left in it", () => {
  const value = "\u001b[2J\u009b2J\u007f\u202e\u200b\u2028\ufeff\u{e0041} ##[error] ##vso[a] \ud800 grüße 世界";
  const text = stringify({ value });
  assert.equal(
    text,
    '{"value":"\\u001b[2J\\u009b2J\\u007f\\u202e\\u200b\\u2028\\ufeff\\udb40\\udc41 #\\u0023[error] #\\u0023vso[a] \\ud800 grüße 世界"}',
  );
  assert.deepEqual(JSON.parse(text), { value });
});

test("every type of event and every outcome is in docs/json-report.md", () => {
  const docs = readFileSync(new URL("../../../docs/json-report.md", import.meta.url), "utf8");
  const source = (file: string) => readFileSync(new URL(`../../../src/run/${file}`, import.meta.url), "utf8");
  const events = [...source("events.ts").matchAll(/readonly type: "([a-z-]+)"/g)].map(([, type]) => type!);
  const outcomes = [...source("outcome.ts").matchAll(/readonly kind: "([a-z-]+)"/g)].map(([, kind]) => kind!);
  assert.ok(events.length > 10 && outcomes.length > 7);
  for (const word of [...events, ...outcomes]) assert.ok(docs.includes(`\`${word}\``), `${word} is not documented`);
});
