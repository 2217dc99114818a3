/** The invariant sees what is wrong: each case breaks one thing about a host, or about a report, that is all right. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Event } from "../../src/run/events.ts";
import type { Outcome } from "../../src/run/outcome.ts";
import type { HostEvidence } from "./evidence.ts";
import { type DeployerCase, type HostCase, violations } from "./invariant.ts";

const path = (system: string) => `/nix/store/${"a".repeat(32)}-nixos-system-chaos-${system}`;
const triple = (system: string) => ({ running: path(system), profile: path(system), bootDefault: path(system) });
const RUN = "20260301-120000-3f9a2c-0";

const before: HostEvidence = {
  triple: triple("factory"),
  boots: 1,
  lock: null,
  units: [],
  roots: {},
  strays: [],
  history: [],
  runs: [],
  halfRuns: [],
  dead: [],
  version: "factory",
};

/** A host on which one run has ended, well. */
function after(state: "committed" | "rolled-back", action = "switch"): HostEvidence {
  const line = { run: RUN, state, action, release: path("ordinary"), why: null };
  const committed = state === "committed";
  const now = committed ? triple("ordinary") : triple("factory");
  return {
    ...before,
    triple: committed && action === "test" ? { ...triple("factory"), running: path("ordinary") } : now,
    history: [line],
    runs: [
      {
        id: RUN,
        states: [state],
        action,
        release: path("ordinary"),
        why: "",
        reboot: false,
        recorded: triple("factory"),
      },
    ],
    version: committed ? "ordinary" : "factory",
  };
}

const host = (evidence: HostEvidence): HostCase => ({ name: "chaos1", before, after: evidence });

function deployer(outcome: Outcome, code: number, changes: Partial<DeployerCase> = {}): DeployerCase {
  const deployment = "20260301-120000-3f9a2c";
  const at = "2026-03-01T12:00:00Z";
  const events: Event[] = [
    { at, type: "deployment-started", deployment, action: "switch", nodes: ["a-ordinary"] },
    { at, type: "node-finished", node: "a-ordinary", outcome, ms: 1 },
    { at, type: "deployment-finished", deployment, outcomes: { "a-ordinary": outcome }, exitCode: code, ms: 1 },
  ];
  const releases = { chaos1: path("ordinary") };
  const nodes = { chaos1: "a-ordinary" };
  return { action: "switch", releases, nodes, signals: [], code, events, stderr: "", leftovers: [], ...changes };
}

const why = { code: "unconfirmed", message: "nobody confirmed", mend: "look" };
const confirmed: Outcome = { kind: "confirmed", release: path("ordinary") };
const rolledBack = {
  kind: "rolled-back" as const,
  why,
  restored: triple("factory"),
  verified: true,
  doubts: [],
} satisfies Outcome;
const unknown: Outcome = { kind: "unknown", why, lastSeen: "", howToLook: "" };
const failed: Outcome = { kind: "failed", why };

describe("all is well", () => {
  const cases: Record<string, readonly [HostEvidence, DeployerCase]> = {
    "the new release, committed": [after("committed"), deployer(confirmed, 0)],
    "the recorded triple": [after("rolled-back"), deployer(rolledBack, 1)],
    "a test": [after("committed", "test"), deployer(confirmed, 0, { action: "test" })],
    "a test, and a reset": [
      { ...after("committed", "test"), triple: triple("factory"), version: "factory", boots: 2 },
      deployer(confirmed, 0, { action: "test" }),
    ],
    "a reset in the middle of a beginning": [{ ...before, boots: 2, halfRuns: [".x"] }, deployer(failed, 1)],
    "nothing was touched": [before, deployer(failed, 1)],
    "unknown, and it is committed": [after("committed"), deployer(unknown, 3)],
    "a staged system": [
      { ...before, roots: { staged: path("ordinary") } },
      deployer({ kind: "staged", release: path("ordinary") }, 0, { action: "stage" }),
    ],
    "a deployer that was killed": [after("committed"), deployer(confirmed, 137, { signals: ["SIGKILL"], events: [] })],
    "an interruption": [after("committed"), deployer(confirmed, 130, { signals: ["SIGINT"] })],
    "a signal when all was told": [
      after("committed"),
      { ...deployer(confirmed, 0, { signals: ["SIGTERM"] }), code: 143 },
    ],
  };
  for (const [name, [evidence, said]] of Object.entries(cases)) {
    test(name, () => assert.deepEqual(violations([host(evidence)], [said]), []));
  }
});

describe("a violation is seen", () => {
  const wrongProfile = { ...triple("ordinary"), profile: path("factory") };
  const wrongBoot = { ...triple("factory"), bootDefault: path("ordinary") };
  const run = after("committed").runs[0]!;
  const line = after("committed").history[0]!;
  const cases: Record<string, readonly [RegExp, HostEvidence, DeployerCase?]> = {
    "a lock": [/the lock is left: runs\/x/, { ...after("committed"), lock: "runs/x" }],
    "a unit": [/a unit is left: bungee-guard/, { ...after("committed"), units: ["bungee-guard-x.timer"] }],
    "a GC root": [/a GC root is left: x-release/, { ...after("committed"), roots: { "x-release": path("ordinary") } }],
    "a file": [/a file is left: .*room/, { ...after("committed"), strays: ["/var/lib/bungee/room"] }],
    "half a run": [/half a run is left: .x/, { ...after("committed"), halfRuns: [".x"] }],
    "a dead sshd": [/a unit does not run: ssh/, { ...after("rolled-back"), dead: ["ssh.service"] }],
    "the wrong profile": [/its profile is .*factory, not .*ordinary/, { ...after("committed"), triple: wrongProfile }],
    "the wrong boot default": [
      /it would boot .*ordinary, not .*factory/,
      { ...after("rolled-back"), triple: wrongBoot },
    ],
    "the old system after a commit": [
      /runs .*factory, not .*ordinary/,
      { ...after("committed"), triple: { ...triple("ordinary"), running: path("factory") }, version: "factory" },
    ],
    "the new system after a way back": [
      /runs .*ordinary, not .*factory/,
      { ...after("rolled-back"), triple: { ...triple("factory"), running: path("ordinary") }, version: "ordinary" },
    ],
    "a test that touched the profile": [
      /its profile is .*ordinary/,
      { ...after("committed", "test"), triple: { ...triple("ordinary"), bootDefault: path("factory") } },
    ],
    "a change that no run has made": [
      /not what its runs have made/,
      { ...before, triple: triple("ordinary"), version: "ordinary" },
    ],
    "units of another system": [/app.service says version factory/, { ...after("committed"), version: "factory" }],
    "a run without an end": [/is committing/, { ...after("committed"), runs: [{ ...run, states: ["committing"] }] }],
    "a run in two states": [/\+/, { ...after("committed"), runs: [{ ...run, states: ["committed", "rolling-back"] }] }],
    "no history": [/0 lines of run/, { ...after("committed"), history: [] }],
    "history twice": [/2 lines of run/, { ...after("committed"), history: [line, line] }],
    "half a line of history": [/no JSON/, { ...after("committed"), history: [line, undefined] }],
    "history that says something else": [
      /the history says rolled-back/,
      { ...after("rolled-back"), runs: [{ ...run, states: ["committed"] }] },
    ],
    "a record of something else": [
      /recorded what the host was not/,
      {
        ...after("rolled-back"),
        runs: [{ ...run, states: ["rolled-back"], recorded: triple("next") }],
        triple: triple("next"),
      },
    ],
    "a way back that failed": [
      /the way back .* failed/,
      {
        ...after("rolled-back"),
        history: [{ ...line, state: "rollback-failed" }],
        runs: [{ ...run, states: ["rollback-failed"] }],
      },
    ],
    "confirmed, but it went back": [
      /confirmed, but its run is rolled-back/,
      after("rolled-back"),
      deployer(confirmed, 0),
    ],
    "rolled back, but it is committed": [/but its run is committed/, after("committed"), deployer(rolledBack, 1)],
    "failed, but a run went back": [/failed \(unconfirmed\), but/, after("rolled-back"), deployer(failed, 1)],
    "restored, but to something else": [
      /of what it says was restored/,
      after("rolled-back"),
      deployer({ ...rolledBack, restored: triple("next") }, 1),
    ],
    "unchanged, but it was something else": [
      /something else/,
      before,
      deployer({ kind: "unchanged", release: path("ordinary") }, 0),
    ],
    "staged, but there is no root": [
      /the root `staged`/,
      before,
      deployer({ kind: "staged", release: path("ordinary") }, 0),
    ],
    "exit 0 after a way back": [
      /ended with 0, its report says 1/,
      after("rolled-back"),
      { ...deployer(rolledBack, 1), code: 0 },
    ],
    "exit 1 for unknown": [/its report says 3/, after("committed"), { ...deployer(unknown, 3), code: 1 }],
    "no report": [/no report: oh/, before, { ...deployer(failed, 1), events: [], stderr: "oh" }],
    "a child that lives on": [
      /left a process behind: nix/,
      after("committed"),
      deployer(confirmed, 0, { leftovers: ["nix"] }),
    ],
  };
  for (const [name, [expected, evidence, said]] of Object.entries(cases)) {
    test(name, () => assert.match(violations([host(evidence)], said ? [said] : []).join("\n"), expected));
  }
});

test("what an earlier run was allowed to leave excuses no later one", () => {
  const kept = { ...after("committed").history[0]!, state: "kept" };
  const earlier = { ...before, history: [kept] };
  const now = { name: "chaos1", before: earlier, after: { ...earlier, dead: ["app.service"] } };
  assert.deepEqual(violations([now], [deployer(failed, 1)]), ["chaos1: a unit does not run: app.service"]);
});
