import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compareNames, cycleIn, predecessors, waves } from "../../../src/fleet/order.ts";

type After = Readonly<Record<string, readonly string[]>>;
const fleetOf = (after: After) => new Map(Object.entries(after).map(([name, names]) => [name, { after: names }]));

describe("waves", () => {
  const cases: readonly [string, After, readonly string[], readonly (readonly string[])[]][] = [
    ["nothing", {}, [], []],
    ["no edges: one wave, in the order of names", { b: [], a10: [], a2: [] }, ["b", "a10", "a2"], [["a2", "a10", "b"]]],
    ["a chain", { a: [], b: ["a"], c: ["b"] }, ["c", "a", "b"], [["a"], ["b"], ["c"]]],
    [
      "as early as possible",
      { db: [], web: ["db"], dns: [], mail: ["dns", "web"] },
      ["db", "web", "dns", "mail"],
      [["db", "dns"], ["web"], ["mail"]],
    ],
    ["a diamond", { a: [], b: ["a"], c: ["a"], d: ["b", "c"] }, ["a", "b", "c", "d"], [["a"], ["b", "c"], ["d"]]],
    [
      "through a node that is not selected",
      { db: [], cache: ["db"], web: ["cache"] },
      ["web", "db"],
      [["db"], ["web"]],
    ],
    ["unselected nodes take no wave", { db: [], cache: ["db"], web: ["cache"] }, ["web"], [["web"]]],
    ["a name that the fleet lacks", { web: ["gone"] }, ["web"], [["web"]]],
    ["a selected node without settings", { web: ["broken"] }, ["web", "broken"], [["broken"], ["web"]]],
  ];
  for (const [what, after, selected, expected] of cases) {
    it(what, () => assert.deepEqual(waves(fleetOf(after), selected), expected));
  }

  it("does not choke on a long chain", () => {
    const names = Array.from({ length: 20_000 }, (_, index) => `n${index}`);
    const fleet = new Map(names.map((name, index) => [name, { after: index === 0 ? [] : [`n${index - 1}`] }]));
    assert.equal(waves(fleet, names).length, 20_000);
    assert.deepEqual([...predecessors(fleet, new Set(["n0"]), "n19999")], ["n0"]);
    assert.equal(cycleIn(fleet), undefined);
    fleet.set("n0", { after: ["n19999"] });
    assert.equal(cycleIn(fleet)?.length, 20_001);
  });
});

it("predecessors are the selected nodes behind, and none behind those", () => {
  const fleet = fleetOf({ a: [], b: ["a"], c: ["b"], d: ["c", "a"] });
  assert.deepEqual([...predecessors(fleet, new Set(["a", "b", "d"]), "d")].sort(), ["a", "b"]);
  assert.deepEqual([...predecessors(fleet, new Set(["a", "d"]), "d")], ["a"]);
});

describe("cycleIn", () => {
  const cases: readonly [After, readonly string[] | undefined][] = [
    [{ a: [], b: ["a"] }, undefined],
    [{ a: ["a"] }, ["a", "a"]],
    [{ a: ["b"], b: ["c"], c: ["a"] }, ["a", "b", "c", "a"]],
    [{ a: ["b"], b: ["c"], c: ["b"] }, ["b", "c", "b"]],
    [{ a: ["b", "c"], b: ["d"], c: ["d"], d: [] }, undefined],
    [{ a: ["gone"] }, undefined],
  ];
  for (const [after, cycle] of cases) {
    it(JSON.stringify(after), () => assert.deepEqual(cycleIn(fleetOf(after)), cycle));
  }
});

it("names are ordered by the numbers in them, and never equal unless the same", () => {
  const names = ["web10", "Web2", "web2", "web02", "db", "é", "e"];
  const sorted = names.toSorted(compareNames);
  assert.deepEqual(names.toReversed().toSorted(compareNames), sorted);
  assert.ok(sorted.indexOf("web2") < sorted.indexOf("web10"));
});
