import assert from "node:assert/strict";
import { test } from "node:test";
import { exitCode, type Outcome } from "../../../src/run/outcome.ts";

const why = { code: "c", message: "m", mend: "n" };
const restored = { running: null, profile: null, bootDefault: null };
const OUTCOMES = {
  unchanged: { kind: "unchanged", release: "r" },
  confirmed: { kind: "confirmed", release: "r" },
  skipped: { kind: "skipped", why: "w" },
  failed: { kind: "failed", why },
  "rolled-back": { kind: "rolled-back", why, restored, verified: true, doubts: [] },
  "rolled-back, unseen": { kind: "rolled-back", why, restored, verified: false, doubts: ["not seen"] },
  unknown: { kind: "unknown", why, lastSeen: "l", howToLook: "h" },
} as const satisfies Record<string, Outcome>;

const TABLE: [(keyof typeof OUTCOMES)[], boolean, number][] = [
  [["unchanged", "confirmed"], false, 0],
  [[], false, 0],
  [["confirmed", "failed"], false, 1],
  [["confirmed", "rolled-back"], false, 1],
  [["confirmed", "skipped"], false, 1],
  [["failed", "unknown", "rolled-back"], false, 3],
  [["rolled-back, unseen"], false, 3],
  [["confirmed", "skipped"], true, 130],
  [["confirmed", "unknown"], true, 3],
];

for (const [kinds, interrupted, code] of TABLE) {
  test(`${kinds.join(" + ") || "nothing"}${interrupted ? ", interrupted" : ""} exits ${code}`, () => {
    assert.equal(
      exitCode(
        kinds.map((kind) => OUTCOMES[kind]),
        interrupted,
      ),
      code,
    );
  });
}
