/** Deployments as the engine tells them: what the reporters are tested with. */
import type { Event, EventBody } from "../../../src/run/events.ts";
import type { Outcome, Triple } from "../../../src/run/outcome.ts";
import type { Plan } from "../../../src/run/plan.ts";

const BEGAN = Date.parse("2026-03-01T12:00:00.000Z");

/** Events with their times in milliseconds since the beginning. */
export function at(entries: readonly (readonly [number, EventBody])[], began = BEGAN): Event[] {
  return entries.map(([ms, body]) => ({ at: new Date(began + ms).toISOString(), ...body }));
}

export const release = (node: string) => `/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-system-${node}-25.05`;
export const before = (node: string) => `/nix/store/zyxwvsrqpnmlkjihgfdcba9876543210-nixos-system-${node}-24.11`;

export const tripleBefore = (node: string): Triple => ({
  running: before(node),
  profile: before(node),
  bootDefault: before(node),
});

export const confirmed = (node: string): Outcome => ({ kind: "confirmed", release: release(node) });

export const rolledBack = (node: string): Outcome => ({
  kind: "rolled-back",
  why: {
    code: "unconfirmed",
    message: "no confirmation came within 30 s",
    detail: "last of 9 tries to confirm: cannot reach web2: 10.77.0.12 port 22: connection timed out",
    mend: "the new system could not be reached or was not well: look at its network, firewall, sshd, keys and sudo rules",
  },
  restored: tripleBefore(node),
  verified: true,
  doubts: [],
});

export const unreachable: Outcome = {
  kind: "failed",
  why: {
    code: "unreachable",
    message: "cannot reach db1: 10.77.0.13 port 22: connection refused",
    mend: "is it on? try: ssh 10.77.0.13",
    node: "db1",
  },
};

export const plan: Plan = {
  version: 1,
  action: "switch",
  waves: [["db1"], ["web1", "web2"]],
  nodes: {
    web1: {
      kind: "deploy",
      release: release("web1"),
      now: tripleBefore("web1"),
      warnings: ["units that fail already: nginx.service"],
      diff: ["nginx: 1.26.1 → 1.26.2, +12.0 KiB", "openssl: 3.0.14 → 3.0.15"],
      needsReboot: true,
      reboot: "never",
    },
    web2: { kind: "unchanged", release: release("web2"), now: tripleBefore("web2") },
    db1: { kind: "skip", why: "it is disabled (bungee.enable = false)" },
    db2: {
      kind: "failed",
      why: {
        code: "unreachable",
        message: "cannot reach db2: 10.77.0.14 port 22: connection refused",
        mend: "is it on? try: ssh 10.77.0.14",
      },
    },
  },
};

const finished = (outcomes: Record<string, Outcome>, exitCode: number, ms: number): EventBody => ({
  type: "deployment-finished",
  deployment: "d1",
  outcomes,
  exitCode,
  ms,
});

/** Three hosts, all well. */
export function good(): Event[] {
  const nodes = ["web1", "web2", "db1"];
  return at([
    [0, { type: "deployment-started", deployment: "d1", action: "switch", nodes }],
    ...nodes.flatMap((node, index): [number, EventBody][] => [
      [100 + index, { type: "stage-started", node, stage: "connect" }],
      [400 + index, { type: "stage-finished", node, stage: "connect", ms: 300, note: "10.77.0.1" }],
      [1000 + index, { type: "stage-started", node, stage: "copy" }],
      [1500 + index, { type: "stage-progress", node, stage: "copy", done: 1024 * 1024, total: 8 * 1024 * 1024 }],
      [7500 + index, { type: "stage-progress", node, stage: "copy", done: 7 * 1024 * 1024, total: 8 * 1024 * 1024 }],
      [8000 + index, { type: "stage-finished", node, stage: "copy", ms: 7000, note: "8.0 MiB" }],
      [8001 + index, { type: "stage-started", node, stage: "activate" }],
      [
        8500 + index,
        { type: "log", node, source: "activation", line: "restarting the following units: nginx.service" },
      ],
      [9000 + index, { type: "stage-finished", node, stage: "activate", ms: 1000 }],
      [9500 + index, { type: "node-finished", node, outcome: confirmed(node), ms: 9400 }],
    ]),
    [9600, finished(Object.fromEntries(nodes.map((node) => [node, confirmed(node)])), 0, 9600)],
  ] as [number, EventBody][]).sort((one, other) => one.at.localeCompare(other.at));
}

/** One goes back, one was never reached, one is well. */
export function mixed(): Event[] {
  const outcomes = { web1: confirmed("web1"), web2: rolledBack("web2"), db1: unreachable };
  return at([
    [0, { type: "deployment-started", deployment: "d1", action: "switch", nodes: ["web1", "web2", "db1"] }],
    [50, { type: "stage-started", node: "db1", stage: "connect" }],
    [
      1050,
      {
        type: "stage-failed",
        node: "db1",
        stage: "connect",
        ms: 1000,
        error: unreachable.kind === "failed" ? unreachable.why : never(),
      },
    ],
    [1060, { type: "node-finished", node: "db1", outcome: unreachable, ms: 1010 }],
    [2000, { type: "stage-started", node: "web2", stage: "activate" }],
    [
      2500,
      { type: "log", node: "web2", source: "activation", line: "stopping the following units: network-lab.service" },
    ],
    [3000, { type: "stage-finished", node: "web2", stage: "activate", ms: 1000 }],
    [3001, { type: "stage-started", node: "web2", stage: "confirm" }],
    [20_000, { type: "node-finished", node: "web1", outcome: outcomes.web1, ms: 19_000 }],
    [33_001, { type: "stage-finished", node: "web2", stage: "confirm", ms: 30_000 }],
    [33_002, { type: "stage-started", node: "web2", stage: "roll-back" }],
    [35_000, { type: "stage-finished", node: "web2", stage: "roll-back", ms: 1998 }],
    [
      35_001,
      { type: "snapped-back", node: "web2", why: outcomes.web2.kind === "rolled-back" ? outcomes.web2.why : never() },
    ],
    [36_000, { type: "node-finished", node: "web2", outcome: outcomes.web2, ms: 35_000 }],
    [36_100, finished(outcomes, 1, 36_100)],
  ]);
}

/** Ctrl-C while one host is being activated and another one waits. */
export function interrupted(): Event[] {
  const outcomes: Record<string, Outcome> = {
    web1: confirmed("web1"),
    web2: { kind: "skipped", why: "interrupted before it began" },
  };
  return at([
    [0, { type: "deployment-started", deployment: "d1", action: "switch", nodes: ["web1", "web2"] }],
    [100, { type: "stage-started", node: "web1", stage: "activate" }],
    [
      900,
      {
        type: "notice",
        level: "warning",
        message: "Ctrl-C: nothing new is started; web1 is being finished. Once more leaves at once.",
      },
    ],
    [901, { type: "node-finished", node: "web2", outcome: outcomes.web2!, ms: 0 }],
    [2000, { type: "stage-finished", node: "web1", stage: "activate", ms: 1900 }],
    [2500, { type: "node-finished", node: "web1", outcome: outcomes.web1!, ms: 2400 }],
    [2600, finished(outcomes, 130, 2600)],
  ]);
}

/** A host that cannot be asked any more, after a log that tries to play tricks. */
export function hostile(): Event[] {
  const outcome: Outcome = {
    kind: "unknown",
    why: {
      code: "lost-sight",
      message: "the host has not answered since the run was committing",
      mend: "look at the host as soon as it can be reached; unconfirmed, it goes back by itself",
      detail: "\u001b]0;owned\u0007timeout\n::error::not from us",
    },
    lastSeen: "run d1-1 was committing",
    howToLook: "ssh root@10.77.0.11 sudo tail -n 50 /var/lib/bungee/runs/d1-1/log",
  };
  const log = (line: string): EventBody => ({ type: "log", node: "web1", source: "activation", line });
  return at([
    [0, { type: "deployment-started", deployment: "d1", action: "switch", nodes: ["web1"] }],
    [10, { type: "stage-started", node: "web1", stage: "activate" }],
    [11, log("\u001b[31mred\u001b[0m and \u001b]8;;http://evil\u0007a link\u001b]8;;\u0007")],
    [12, log("::error file=app.js::you have been had")],
    [13, log("x ##[group]y ##vso[task.setvariable]z ##teamcity[a]")],
    [14, log("harmless\rrm -rf /\b\b\u0000\u007f\u009b2J")],
    [15, log("user\u202egnp.exe \u200bhidden\u2028next")],
    [16, log("tab\there, grüße, 世界, 👍🏽")],
    [17, log("")],
    [5000, { type: "node-finished", node: "web1", outcome, ms: 4990 }],
    [5001, finished({ web1: outcome }, 3, 5001)],
  ]);
}

function never(): never {
  throw new Error("the fixture is wrong");
}
