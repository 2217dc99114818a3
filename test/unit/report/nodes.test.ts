import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeRow, nodesToJson, renderNodes } from "../../../src/report/nodes.ts";
import { PLAIN } from "../../../src/report/style.ts";

const node = (name: string, row: Partial<NodeRow> = {}): NodeRow => ({
  name,
  addresses: [name],
  labels: {},
  after: [],
  enable: true,
  ...row,
});

const fleet = [
  node("old", { enable: false }),
  node("web1", { addresses: ["10.0.0.1", "web1.example.org"], labels: { role: "web", tier: "prod" }, after: ["db1"] }),
  node("db1"),
];
const waves = [["db1"], ["web1"]];

test("a table in the order of a deployment, the disabled ones last", () => {
  assert.deepEqual(renderNodes(fleet, waves, PLAIN), [
    "NODE  ADDRESSES                   LABELS              WAVE      AFTER",
    "db1   db1                                             1",
    "web1  10.0.0.1, web1.example.org  role=web tier=prod  2         db1",
    "old   old                                             disabled",
  ]);
});

test("no column for what no node has", () => {
  assert.deepEqual(renderNodes([node("a")], [["a"]], PLAIN), [
    "NODE  ADDRESSES  LABELS  WAVE",
    "a     a                  1",
  ]);
});

test("an empty fleet", () => assert.deepEqual(renderNodes([], [], PLAIN), ["no hosts"]));

test("as JSON: the fields that docs/json-report.md promises, and no others", () => {
  const more = { ...node("a"), identityFile: "/root/secret" };
  assert.deepEqual(JSON.parse(nodesToJson([more], [["a"]])), { version: 1, waves: [["a"]], nodes: [node("a")] });
});
