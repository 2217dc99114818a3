import assert from "node:assert/strict";
import { test } from "node:test";
import { planToJson, renderPlan } from "../../../src/report/plan.ts";
import { makeStyle, PLAIN } from "../../../src/report/style.ts";
import type { NodePlan, Plan } from "../../../src/run/plan.ts";
import { plan, release, tripleBefore } from "./events.ts";

const shown = (nodes: Plan["nodes"], verbose = false, action: Plan["action"] = "switch") =>
  renderPlan({ version: 1, action, waves: [Object.keys(nodes)], nodes }, { style: PLAIN, verbose });

const deploy: NodePlan & { kind: "deploy" } = {
  kind: "deploy",
  release: release("web1"),
  now: tripleBefore("web1"),
  warnings: [],
  diff: null,
  needsReboot: null,
  reboot: "never",
};

test("every kind of node, in the order of the waves", () => {
  assert.deepEqual(renderPlan(plan, { style: PLAIN, verbose: false }), [
    "db1   skip  it is disabled (bungee.enable = false)",
    "web1  switch  nixos-system-web1-25.05 (0123456)",
    "        replaces nixos-system-web1-24.11 (zyxwvsr)",
    "        │ nginx: 1.26.1 → 1.26.2, +12.0 KiB",
    "        │ openssl: 3.0.14 → 3.0.15",
    "        needs a reboot: its kernel, initrd or modules change",
    "        warning: units that fail already: nginx.service",
    "db2   failed  cannot reach db2: 10.77.0.14 port 22: connection refused",
    "        mend: is it on? try: ssh 10.77.0.14",
    "",
    "unchanged: web2",
    "order: 1. db1  then  2. web1, web2",
    "plan: 1 to deploy, 1 unchanged, 1 to skip, 1 failed",
  ]);
});

test("one wave needs no order", () => {
  assert.deepEqual(shown({ web1: { ...deploy, now: null } }), [
    "web1  switch  nixos-system-web1-25.05 (0123456)",
    "",
    "plan: 1 to deploy",
  ]);
});

test("nothing to do is one line", () => {
  const unchanged: NodePlan = { kind: "unchanged", release: release("a"), now: tripleBefore("a") };
  assert.deepEqual(shown({ a: unchanged, b: unchanged }), ["unchanged: a, b", "plan: 2 unchanged"]);
  assert.deepEqual(shown({}), ["plan: no hosts"]);
});

test("a long diff is cut, but not for --verbose", () => {
  const diff = Array.from({ length: 40 }, (_, index) => `package${index}: 1 → 2`);
  const node = { ...deploy, diff };
  assert.deepEqual(shown({ web1: node }).slice(-4), [
    "        │ package11: 1 → 2",
    "        │ … 28 more changes: --verbose shows all",
    "",
    "plan: 1 to deploy",
  ]);
  assert.equal(shown({ web1: node }, true).length, 40 + 4);
});

test("a reboot is told for the action", () => {
  const line = (action: Plan["action"]) => shown({ web1: { ...deploy, needsReboot: true } }, false, action)[2]?.trim();
  assert.equal(line("switch"), "needs a reboot: its kernel, initrd or modules change");
  assert.equal(line("test"), "its kernel, initrd or modules differ: the running ones stay");
  assert.equal(line("boot"), "its kernel, initrd or modules change at the next reboot");
  assert.equal(line("stage"), "its kernel, initrd or modules change");
});

test("what hosts and nix say is cleaned", () => {
  const node = { ...deploy, warnings: ["units\u001b[2J\n::x"], diff: ["a\u202eb"] };
  assert.deepEqual(shown({ "w\u0007": node }).slice(2, 4), ["      │ a�b", "      warning: units : :x"]);
});

test("in colour", () => {
  const [first] = renderPlan(plan, { style: makeStyle(1), verbose: false }).slice(1);
  assert.equal(first, "\u001b[1mweb1\u001b[22m  \u001b[32mswitch\u001b[39m  nixos-system-web1-25.05 (0123456)");
});

test("as JSON it is the plan itself", () => {
  assert.deepEqual(JSON.parse(planToJson(plan)), plan);
});
