import assert from "node:assert/strict";
import { test } from "node:test";
import { follow, LogTail, newProgress } from "../../../src/report/progress.ts";
import type { EventBody } from "../../../src/run/events.ts";
import { at, confirmed, rolledBack } from "./events.ts";

function after(...entries: readonly (readonly [number, EventBody])[]) {
  const progress = newProgress(0);
  for (const event of at(entries, 0)) follow(progress, event);
  return progress;
}

const started: readonly [number, EventBody] = [
  0,
  { type: "deployment-started", deployment: "d", action: "boot", nodes: ["web1", "web2"] },
];

test("every node waits at the beginning, in the order given", () => {
  const { action, nodes } = after(started);
  assert.equal(action, "boot");
  assert.deepEqual([...nodes.keys()], ["web1", "web2"]);
  assert.equal(nodes.get("web1")!.stages.size, 0);
});

test("stages may run side by side; the youngest is the last", () => {
  const { nodes } = after(
    started,
    [10, { type: "stage-started", node: "web1", stage: "connect" }],
    [20, { type: "stage-started", node: "web1", stage: "evaluate" }],
    [30, { type: "stage-finished", node: "web1", stage: "connect", ms: 20 }],
    [40, { type: "stage-started", node: "web1", stage: "build" }],
  );
  assert.deepEqual(
    [...nodes.get("web1")!.stages],
    [
      ["evaluate", 20],
      ["build", 40],
    ],
  );
});

test("speed is that of the last seconds", () => {
  const copied = (...samples: readonly (readonly [number, number])[]) =>
    after(
      started,
      ...samples.map(([ms, done]): [number, EventBody] => [
        ms,
        { type: "stage-progress", node: "web1", stage: "copy", done, total: 10_000 },
      ]),
    ).nodes.get("web1")!.copied;
  assert.equal(copied([0, 0], [100, 50])?.perSecond, null);
  assert.equal(copied([0, 0], [1000, 500])?.perSecond, 500);
  assert.equal(copied([0, 0], [1000, 5000], [2000, 5000], [6000, 5000])?.perSecond, 0);
  assert.deepEqual([copied([5, 7])?.done, copied([5, 7])?.total], [7, 10_000]);
});

test("a node's end stops its stages and keeps the outcome", () => {
  const why = { code: "unconfirmed", message: "nobody confirmed", mend: "look" };
  const { nodes } = after(
    started,
    [10, { type: "stage-started", node: "web1", stage: "confirm" }],
    [20, { type: "snapped-back", node: "web1", why }],
    [30, { type: "node-finished", node: "web1", outcome: rolledBack("web1"), ms: 30 }],
    [30, { type: "node-finished", node: "web2", outcome: confirmed("web2"), ms: 30 }],
  );
  const web1 = nodes.get("web1")!;
  assert.equal(web1.stages.size, 0);
  assert.deepEqual([web1.wentBack, web1.outcome?.kind, web1.ms], [why, "rolled-back", 30]);
});

test("the log keeps what the host said, the last line what anybody said", () => {
  const log = (node: string | null, source: "nix" | "activation", line: string): [number, EventBody] => [
    1,
    { type: "log", node, source, line },
  ];
  const progress = after(started, log("web1", "activation", "one"), log("web1", "nix", "two"), log(null, "nix", "all"));
  assert.deepEqual(progress.nodes.get("web1")!.log.lines, ["one"]);
  assert.equal(progress.nodes.get("web1")!.lastLine, "two");
  assert.equal(progress.lastShared, "all");
});

test("a log of a million lines keeps its end, and the count of the rest", () => {
  const tail = new LogTail(30);
  for (let index = 1; index <= 1_000_000; index++) tail.push(`line ${index}`);
  assert.equal(tail.lines.length, 30);
  assert.equal(tail.dropped, 999_970);
  assert.deepEqual([tail.lines[0], tail.lines.at(-1)], ["line 999971", "line 1000000"]);
});
