import assert from "node:assert/strict";
import { test } from "node:test";
import type { Facts } from "../../../src/activator/protocol.ts";
import type { Action, Triple } from "../../../src/run/outcome.ts";
import { planNode, type Wanted } from "../../../src/run/plan.ts";

const OLD = "/nix/store/old";
const NEW = "/nix/store/new";

const facts = (now: Triple, more: Partial<Facts> = {}): Facts => ({
  hostName: "web1",
  bootId: "b",
  nixVersion: "2.26.3",
  now,
  booted: OLD,
  rebootPending: false,
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
const wanted = (action: Action, more: Partial<Wanted> = {}): Wanted => ({
  action,
  reboot: "never",
  mayReboot: true,
  ...more,
});
const plan = (action: Action, f: Facts | null, more: Partial<Wanted> = {}) =>
  planNode(wanted(action, more), { ok: true, release: NEW, facts: f, diff: null, needsReboot: null });

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
    reboot: "never",
  });
});

test("a host that has the release, and was not booted with it, is rebooted when that is asked", () => {
  const there = at(NEW, NEW, NEW);
  assert.equal(plan("switch", facts(there), { reboot: "auto" }).kind, "unchanged");
  assert.equal(plan("switch", facts(there, { rebootPending: true }), { reboot: "auto" }).kind, "deploy");
  assert.equal(plan("boot", facts(there), { reboot: "always" }).kind, "deploy");
  assert.equal(plan("boot", facts(there, { booted: NEW }), { reboot: "always" }).kind, "unchanged");
});

test("a host that may not be rebooted is not: auto leaves it out, always is refused", () => {
  const old = facts(at(OLD, OLD, OLD), { rebootPending: true });
  const auto = plan("switch", old, { reboot: "auto", mayReboot: false });
  assert.ok(auto.kind === "deploy" && auto.reboot === "never");
  const always = plan("boot", old, { reboot: "always", mayReboot: false });
  assert.ok(always.kind === "failed" && /may not be rebooted/.test(always.why.message));
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
  assert.deepEqual(planNode(wanted("switch"), { ok: false, why }), { kind: "failed", why });
});

test("a profile besides the system: what its link leads to is what runs, and no boot of it is ever asked of the host", () => {
  const there = facts(at(NEW, NEW, null), { rebootPending: true });
  const profile = "blog";
  assert.equal(plan("switch", there, { profile, reboot: "auto" }).kind, "unchanged");
  assert.equal(plan("test", there, { profile }).kind, "unchanged");
  const auto = plan("switch", facts(at(OLD, OLD, null)), { profile, reboot: "auto" });
  assert.ok(auto.kind === "deploy" && auto.reboot === "never" && auto.warnings.length === 0);
  for (const boot of [plan("boot", there, { profile }), plan("switch", there, { profile, reboot: "always" })])
    assert.ok(boot.kind === "failed" && /profile blog is not the system: it has no boot/.test(boot.why.message));
});
