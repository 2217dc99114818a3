/** docs/coverage.md has every line of the pipeline's plan, each with tests that are there, or with the reason why there is none. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { titlesIn } from "./titles.ts";

/** How many lines each part of the plan has. */
const PARTS = { C1: 10, C2: 7, C3: 8, C4: 6, C5: 5, C6: 9, C7: 5, C8: 3 };

const rows = readFileSync(join(import.meta.dirname, "..", "..", "docs", "coverage.md"), "utf8")
  .split("\n")
  .filter((line) => /^\| C\d/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, line = "", what = "", tests = "", note = "", ...rest]) => ({ line, what, tests, note, rest }));

it("every line of the plan has its row, in order", () => {
  const lines = Object.entries(PARTS).flatMap(([part, count]) =>
    Array.from({ length: count }, (_, index) => `${part}.${index + 1}`),
  );
  assert.deepEqual(
    rows.map(({ line }) => line),
    lines,
  );
  for (const { line, what, rest } of rows) assert.ok(what !== "" && rest.length === 1, line);
});

it("every line has tests that are there, or says why it has none", () => {
  for (const { line, tests, note } of rows) {
    if (tests === "") assert.notEqual(note, "", line);
    for (const each of tests.split("<br>").filter((text) => text !== "")) {
      const [, file = "", title = ""] = /^`(test\/[^`]+)` › (.+)$/.exec(each) ?? [];
      assert.ok(titlesIn(file).includes(title), `${line}: ${each}`);
    }
  }
});

it("a fault of others says what is done instead", () => {
  const faults = rows.filter(({ what }) => what.startsWith("A fault: "));
  assert.deepEqual(
    faults.filter(({ note }) => note === ""),
    [],
  );
  assert.ok(faults.length >= 2);
});
