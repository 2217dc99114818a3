/** docs/guarantees.md names a test for each promise: the tests are there, and no pitfall is without one. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { titlesIn } from "./titles.ts";

const checkout = join(import.meta.dirname, "..", "..");
const PITFALLS = Array.from({ length: 20 }, (_, index) => `P${index + 1}`);

const rows = readFileSync(join(checkout, "docs", "guarantees.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("|") && line.includes("`test/"))
  .map((line) => line.split("|").map((cell) => cell.trim()));

const named = rows.flatMap(([, pitfall = "", , tests = ""]) =>
  tests.split("<br>").map((each) => {
    const [, file = "", title = ""] = /^`(test\/[^`]+)` › (.+)$/.exec(each) ?? [];
    return { pitfall, each, file, title };
  }),
);

it("every promise has a test, and the test is there", () => {
  assert.ok(named.length > 20);
  for (const { each, file, title } of named) {
    assert.ok(titlesIn(file).includes(title), each);
  }
});

it("every promise says its limit, or that there is none", () => {
  for (const row of rows) assert.equal(row.length, 6, row.join(" | "));
});

it("every pitfall has a row, and a test that carries its number", () => {
  assert.deepEqual(
    PITFALLS.filter((pitfall) => !named.some((each) => each.pitfall === pitfall)),
    [],
  );
  for (const { pitfall, each, title } of named) {
    // A second test may belong to a row without being of that scenario only.
    const others = named.filter((other) => other.pitfall === pitfall);
    if (pitfall !== "" && others[0]?.title === title) assert.ok(title.startsWith(`${pitfall}: `), each);
  }
});

it("a number in a title is that of a pitfall", () => {
  const titles = globSync("test/e2e/**/*.test.ts", { cwd: checkout }).flatMap(titlesIn);
  const numbers = titles.flatMap((title) => /^(P\d+): /.exec(title)?.[1] ?? []);
  assert.deepEqual(
    numbers.filter((number) => !PITFALLS.includes(number)),
    [],
  );
  assert.deepEqual(
    PITFALLS.filter((pitfall) => !numbers.includes(pitfall)),
    [],
  );
});
