import assert from "node:assert/strict";
import { test } from "node:test";
import { Leaving } from "../../../src/commands/leaving.ts";
import type { EventBody } from "../../../src/run/events.ts";

const RELEASE = "/nix/store/00000000000000000000000000000000-nixos-system";

function after(...told: readonly EventBody[]): EventBody[] {
  const leaving = new Leaving();
  for (const event of told) leaving.follow({ at: new Date().toISOString(), ...event });
  return leaving.end(130);
}

test("left before the fleet was read: the command is told to have been interrupted", () => {
  const [only, ...others] = after({ type: "notice", level: "warning", message: "Ctrl-C" });
  assert.ok(only?.type === "command-failed" && only.error.code === "interrupted" && only.exitCode === 130);
  assert.deepEqual(others, []);
});

test("each host ends with what is known: done, untouched, or left to decide for itself", () => {
  const nodes = ["done", "waiting", "copying", "activating", "confirming"];
  const told = after(
    { type: "deployment-started", deployment: "d", action: "switch", nodes },
    { type: "node-finished", node: "done", outcome: { kind: "confirmed", release: RELEASE }, ms: 1 },
    { type: "stage-started", node: "copying", stage: "copy" },
    { type: "stage-started", node: "activating", stage: "copy" },
    { type: "stage-finished", node: "activating", stage: "copy", ms: 1 },
    { type: "stage-started", node: "activating", stage: "activate" },
    { type: "stage-started", node: "confirming", stage: "confirm" },
  );
  assert.deepEqual(
    told.map((event) => (event.type === "node-finished" ? event.node : event.type)),
    ["waiting", "copying", "activating", "confirming", "deployment-finished"],
  );
  const last = told.at(-1);
  assert.ok(last?.type === "deployment-finished" && last.exitCode === 130 && last.deployment === "d");
  assert.deepEqual(Object.fromEntries(Object.entries(last.outcomes).map(([node, { kind }]) => [node, kind])), {
    done: "confirmed",
    waiting: "skipped",
    copying: "skipped",
    activating: "unknown",
    confirming: "unknown",
  });
  const { activating } = last.outcomes;
  assert.ok(activating?.kind === "unknown" && /decides for itself/.test(activating.why.message));
});
