import assert from "node:assert/strict";
import { test } from "node:test";
import { follow, newProgress } from "../../../src/report/progress.ts";
import { drawRows } from "../../../src/report/rows.ts";
import { PLAIN } from "../../../src/report/style.ts";
import { width } from "../../../src/report/text.ts";
import type { EventBody } from "../../../src/run/events.ts";
import { at, confirmed, rolledBack, unreachable } from "./events.ts";

const canvas = { style: PLAIN, columns: 80, rows: 24, now: 10_000 };

function drawn(entries: readonly (readonly [number, EventBody])[], over: Partial<typeof canvas> = {}): string[] {
  const progress = newProgress(0);
  for (const event of at(entries, 0)) follow(progress, event);
  return drawRows(progress, { ...canvas, ...over }).map(({ mark, text }) => `${mark}: ${text}`);
}

const begin = (...nodes: string[]): readonly [number, EventBody] => [
  0,
  { type: "deployment-started", deployment: "d", action: "switch", nodes },
];
const stage = (
  node: string,
  name: "build" | "copy" | "activate" | "roll-back",
  ms: number,
): readonly [number, EventBody] => [ms, { type: "stage-started", node, stage: name }];

test("a row says what a node is doing, since when, and what it said last", () => {
  assert.deepEqual(
    drawn([
      begin("web1", "web2", "web3", "web4", "web5", "web6"),
      stage("web1", "activate", 5500),
      [6000, { type: "log", node: "web1", source: "activation", line: "starting \u001b[31mnginx.service" }],
      stage("web2", "copy", 2000),
      [3000, { type: "stage-progress", node: "web2", stage: "copy", done: 1024 * 1024, total: null }],
      [4000, { type: "stage-progress", node: "web2", stage: "copy", done: 3 * 1024 * 1024, total: 4 * 1024 * 1024 }],
      stage("web3", "roll-back", 9900),
      [10, { type: "node-finished", node: "web4", outcome: confirmed("web4"), ms: 65_000 }],
      [10, { type: "node-finished", node: "web5", outcome: unreachable, ms: 1000 }],
    ]),
    [
      "working: web1  activating     4.5 s       starting nginx.service",
      "working: web2  copying        8.0 s       3.0 MiB of 4.0 MiB  2.0 MiB/s",
      "going-back: web3  snapping back  0.1 s",
      "good: web4  confirmed      1 min 5 s   runs and boots nixos-system-web4-25.05 (0123456)",
      "bad: web5  failed         1.0 s       cannot reach db1: 10.77.0.13 port 22: connection refused",
      "waiting: web6  waiting",
    ],
  );
});

test("before there are nodes, the fleet is being read", () => {
  const said: readonly [number, EventBody] = [1, { type: "log", node: null, source: "nix", line: "copying 'x'" }];
  assert.deepEqual(drawn([]), ["working: reading the fleet  10.0 s"]);
  assert.deepEqual(drawn([said]), ["working: reading the fleet  10.0 s      copying 'x'"]);
});

test("thirty nodes fit a small terminal: those at work and in trouble are shown, the others counted", () => {
  const names = Array.from({ length: 30 }, (_, index) => `host${index + 1}`);
  const rows = drawn(
    [
      begin(...names),
      ...names
        .slice(0, 14)
        .map((node) => [10, { type: "node-finished", node, outcome: confirmed(node), ms: 5 }] as const),
      [10, { type: "node-finished", node: "host15", outcome: rolledBack("host15"), ms: 5 }],
      ...names.slice(15, 20).map((node) => stage(node, "build", 20)),
    ],
    { rows: 12 },
  );
  assert.equal(rows.length, 11);
  assert.deepEqual(
    rows.map((row) => row.split(/ {2,}/)[0]),
    [
      "good: host1",
      "good: host2",
      "good: host3",
      "good: host4",
      "went-back: host15",
      "working: host16",
      "working: host17",
      "working: host18",
      "working: host19",
      "working: host20",
      "waiting: 20 more hosts: 10 confirmed, 10 waiting",
    ],
  );
});

test("a terminal of three rows still shows who is at work", () => {
  const rows = drawn([begin("a", "b", "c", "d", "e"), stage("e", "build", 1)], { rows: 3 });
  assert.ok(rows.some((row) => row.startsWith("working: e")));
});

test("notices stay in sight, wrapped, the last two of them", () => {
  const message = "Ctrl-C: nothing new is started; hosts in activation come to their end. Once more leaves at once.";
  const notice = (text: string): readonly [number, EventBody] => [
    1,
    { type: "notice", level: "warning", message: text },
  ];
  const rows = drawn([begin("a"), notice("old"), notice("older"), notice(message)], { columns: 40 });
  assert.deepEqual(rows, [
    "waiting: a  waiting",
    "note: older",
    "note: Ctrl-C: nothing new is started;",
    "note: hosts in activation come to their",
    "note: end. Once more leaves at once.",
  ]);
  for (const row of rows) assert.ok(width(row.replace(/^\w+: /, "")) <= 36);
});

test("what nix says of shared work is shown while nix works", () => {
  const said: readonly [number, EventBody] = [2, { type: "log", node: null, source: "nix", line: "building 'x.drv'" }];
  const ended: readonly [number, EventBody] = [3, { type: "stage-finished", node: "a", stage: "build", ms: 2 }];
  assert.equal(drawn([begin("a"), stage("a", "build", 1), said]).at(-1), "working: nix  building 'x.drv'");
  assert.deepEqual(drawn([begin("a"), stage("a", "build", 1), said, ended]), ["waiting: a  waiting"]);
});

test("long names are cut, so that columns stay", () => {
  const long = "a-very-long-host-name-that-nobody-can-read";
  const [first, second] = drawn([begin(long, "b"), stage("b", "build", 10_000)]);
  assert.equal(first, "waiting: a-very-long-host-name-t…  waiting");
  assert.equal(second?.indexOf("building"), "working: ".length + 26);
});
