import assert from "node:assert/strict";
import { test } from "node:test";
import { whoAndWhen } from "../../../src/commands/trigger.ts";

test("an id fits the hosts' file names and unit names, sorts by time, and does not repeat", () => {
  const now = new Date("2026-03-01T12:00:05Z");
  const ids = Array.from({ length: 50 }, () => whoAndWhen(now).deployment);
  for (const id of ids) assert.match(id, /^20260301-120005-[0-9a-f]{6}$/);
  assert.ok(new Set(ids).size > 45);
});

test("the actor is a user on a machine", () => assert.match(whoAndWhen().actor, /^[^@\s]+@[^@\s]+$/));
