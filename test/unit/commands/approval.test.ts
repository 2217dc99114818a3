import assert from "node:assert/strict";
import { test } from "node:test";
import { approvalBy, questionFor } from "../../../src/commands/approval.ts";
import { Interruption } from "../../../src/commands/interruption.ts";
import type { EventBody } from "../../../src/run/events.ts";
import type { Plan } from "../../../src/run/plan.ts";
import { plan, release } from "../report/events.ts";
import { silent } from "./silent.ts";
import { fakeStreams } from "./streams.ts";

const args = { yes: false, dryRun: false, action: "switch", report: undefined, verbose: false } as const;

function asking(over: Partial<Parameters<typeof approvalBy>[0]> = {}, terminal = true) {
  const streams = fakeStreams({ terminal });
  const told: EventBody[] = [];
  const interruption = new Interruption(
    (event) => told.push(event),
    () => assert.fail("left"),
  );
  return { streams, told, interruption, approve: approvalBy({ ...args, ...over }, silent, interruption, streams) };
}

test("nobody is asked with --yes, off a terminal, and for what changes no host", () => {
  for (const over of [{ yes: true }, { dryRun: true }, { action: "build" }, { action: "dry-activate" }] as const) {
    using asked = disposable(asking(over));
    assert.equal(asked.approve, undefined, JSON.stringify(over));
  }
  using asked = disposable(asking({}, false));
  assert.equal(asked.approve, undefined);
  for (const action of ["stage", "test", "switch", "boot"] as const) {
    using asked = disposable(asking({ action }));
    assert.notEqual(asked.approve, undefined, action);
  }
});

test("a yes approves, anything else does not", async () => {
  for (const [answer, approved] of [
    ["y\n", true],
    ["\n", false],
  ] as const) {
    using asked = disposable(asking());
    const decision = asked.approve!(plan);
    asked.streams.type(answer);
    assert.equal(await decision, approved);
    assert.equal(asked.interruption.signal.aborted, false);
  }
});

test("Ctrl-C at the question is a no, and an interruption", async () => {
  using asked = disposable(asking());
  const decision = asked.approve!(plan);
  asked.streams.type("\u0003");
  assert.equal(await decision, false);
  assert.equal(asked.interruption.signal.aborted, true);
  assert.deepEqual(asked.told, [{ type: "notice", level: "warning", message: "Ctrl-C: nothing was started" }]);
});

test("a signal while the question stands is a no, and one interruption", async () => {
  using asked = disposable(asking());
  const decision = asked.approve!(plan);
  process.emit("SIGTERM", "SIGTERM");
  assert.equal(await decision, false);
  assert.equal(asked.interruption.signal.aborted, true);
  assert.equal(asked.told.length, 1);
});

test("where the report is JSON, the plan is shown beside it", async () => {
  using asked = disposable(asking({ report: "json" }));
  const decision = asked.approve!(plan);
  asked.streams.type("n\n");
  await decision;
  assert.match(asked.streams.said, /plan: 1 to deploy, 1 unchanged, 1 to skip, 1 failed/);
});

test("the question names whom it is about, and only those", () => {
  assert.equal(questionFor(plan), "Deploy to 1 host? (switch web1)");
  const names = Array.from({ length: 9 }, (_, index) => `w${index}`);
  const node = {
    kind: "deploy",
    release: release("w"),
    now: null,
    warnings: [],
    diff: null,
    needsReboot: null,
    reboot: "never",
  } as const;
  const many: Plan = {
    version: 1,
    action: "boot",
    waves: [names],
    nodes: Object.fromEntries(names.map((name) => [name, node])),
  };
  assert.equal(questionFor(many), "Deploy to 9 hosts? (boot w0, w1, w2, w3, w4, w5, and 3 more)");
});

function disposable<T extends { interruption: Interruption }>(asked: T): T & Disposable {
  return Object.assign(asked, { [Symbol.dispose]: () => asked.interruption[Symbol.dispose]() });
}
