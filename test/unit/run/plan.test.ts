import assert from "node:assert/strict";
import { test } from "node:test";
import type { Facts } from "../../../src/activator/protocol.ts";
import type { Action, Triple } from "../../../src/run/outcome.ts";
import { planNode } from "../../../src/run/plan.ts";

const OLD = "/nix/store/old";
const NEW = "/nix/store/new";

const facts = (now: Triple, more: Partial<Facts> = {}): Facts => ({
  hostName: "web1",
  bootId: "b",
  nixVersion: "2.26.3",
  now,
  booted: OLD,
  failedUnits: [],
  lock: null,
  storeFreeBytes: 1e12,
  stateFreeBytes: 1e12,
  upSeconds: 1,
  ...more,
});

const at = (running: string, profile: string, bootDefault: string | null): Triple => ({
  running,
  profile,
  bootDefault,
});
const plan = (action: Action, f: Facts | null) =>
  planNode(action, { ok: true, release: NEW, facts: f, diff: null, needsReboot: null });

// [action, running, profile, boot default] → what the plan says
const TABLE: [Action, Triple, "unchanged" | "deploy"][] = [
  ["switch", at(NEW, NEW, NEW), "unchanged"],
  ["switch", at(NEW, NEW, null), "unchanged"],
  ["switch", at(OLD, OLD, OLD), "deploy"],
  ["switch", at(NEW, OLD, OLD), "deploy"], // tested before, never made permanent
  ["switch", at(OLD, NEW, NEW), "deploy"], // rolled back by hand
  ["switch", at(NEW, NEW, OLD), "deploy"], // the boot step never happened
  ["test", at(NEW, OLD, OLD), "unchanged"],
  ["test", at(OLD, NEW, NEW), "deploy"],
  ["boot", at(OLD, NEW, NEW), "unchanged"],
  ["boot", at(NEW, OLD, OLD), "deploy"],
  ["stage", at(NEW, NEW, NEW), "deploy"],
  ["dry-activate", at(NEW, NEW, NEW), "deploy"],
];

for (const [action, now, kind] of TABLE) {
  const [running, profile, boot] = [now.running, now.profile, now.bootDefault].map((path) => path?.slice(11) ?? "?");
  test(`${action} of new, running ${running}, profile ${profile}, boots ${boot}: ${kind}`, () => {
    assert.equal(plan(action, facts(now)).kind, kind);
  });
}

test("build asks no host", () => {
  assert.deepEqual(plan("build", null), {
    kind: "deploy",
    release: NEW,
    now: null,
    warnings: [],
    diff: null,
    needsReboot: null,
  });
});

test("what could go wrong is said beforehand", () => {
  const lock = { run: "r1", state: "activating", actor: "carl@ci", since: "2026-01-01T00:00:00Z", sameBoot: true };
  const planned = plan("switch", facts(at(OLD, NEW, NEW), { lock, failedUnits: ["a.service"], storeFreeBytes: 1024 }));
  assert.equal(planned.kind, "deploy");
  const text = planned.kind === "deploy" ? planned.warnings.join("\n") : "";
  for (const part of ["carl@ci", "a.service", "by hand", "MiB free"])
    assert.ok(text.includes(part), `${part} in ${text}`);
});

test("a survey that failed is a plan that says why", () => {
  const why = { code: "unreachable", message: "web1 does not answer", mend: "look at it" };
  assert.deepEqual(planNode("switch", { ok: false, why }), { kind: "failed", why });
});
