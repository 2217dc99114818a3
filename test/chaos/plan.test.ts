/** The plan is a function of seed and number, and covers what it should. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { explain, type Plan, planOf } from "./plan.ts";
import { Random } from "./random.ts";

const many = Array.from({ length: 2000 }, (_, run) => planOf(5, run));

test("seed and number give the same plan, alone and in any order", () => {
  for (const run of [1999, 3, 700, 0]) assert.deepEqual(planOf(5, run), many[run]);
});

test("another seed, or another number, gives another plan", () => {
  const texts = new Set(many.map((plan) => explain({ ...plan, run: 0 })));
  assert.ok(texts.size > 1990, `${texts.size} of 2000 plans differ`);
  assert.notDeepEqual(planOf(6, 0), { ...planOf(5, 0), seed: 6 });
});

test("the numbers are the same on every machine", () => {
  const random = new Random("test", 1);
  assert.deepEqual(
    Array.from({ length: 8 }, () => random.integer(0, 99)),
    [79, 67, 41, 57, 18, 63, 82, 25],
  );
});

test("every run has one fault or two, and all kinds, actions, systems and states come", () => {
  assert.ok(many.every(({ faults }) => faults.length === 1 || faults.length === 2));
  const kinds = new Set(many.flatMap(({ faults }) => faults.map(({ what }) => what.kind)));
  assert.equal(kinds.size, 19);
  assert.equal(new Set(many.map(({ action }) => action)).size, 5);
  const moments = many.flatMap(({ faults }) => faults.map(({ when }) => ("state" in when ? when.state : when.after)));
  assert.equal(new Set(moments).size, 12);
  assert.ok(many.some(({ hosts }) => hosts.length === 3));
  const rebooted = many.filter(({ reboot }) => reboot === "always").flatMap(({ hosts }) => hosts);
  assert.deepEqual(new Set(rebooted.map(({ bootLoader }) => bootLoader)).size, 2);
});

test("a fault is always of a host that there is", () => {
  for (const { hosts, faults } of many) for (const { host } of faults) assert.ok(hosts[host]);
});

test("the plan can be read", () => {
  const plan: Plan = {
    seed: 5,
    run: 7,
    deployer: "trixie",
    action: "boot",
    reboot: "always",
    rollback: false,
    activationTimeout: 9,
    confirmTimeout: 4,
    hosts: [{ release: "bookworm", bootLoader: "grub", start: "factory", tested: true, system: "slow" }],
    faults: [
      {
        host: 0,
        when: { after: "state", state: "committing", ms: 20 },
        what: { kind: "link-cut", how: "drop", healMs: null },
      },
      { host: 0, when: { after: "fault", ms: 300 }, what: { kind: "reboot" } },
    ],
    next: true,
  };
  assert.deepEqual(explain(plan).split("\n"), [
    "seed 5 run 7: --action boot, --reboot always, --no-rollback, activation 9 s, confirmation 4 s; from trixie; then a plain deploy",
    "  host-a (bookworm, grub) has factory, and tests another; is given slow",
    "  20 ms after committing: link-cut, how drop, healMs at the end (host-a)",
    "  300 ms after the fault: reboot (host-a)",
  ]);
});
