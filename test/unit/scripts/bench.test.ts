import assert from "node:assert/strict";
import { test } from "node:test";
import { inTurns, median } from "../../../scripts/bench/repeat.ts";
import { type Measurement, meetsAim, renderTable, toJson } from "../../../scripts/bench/table.ts";

test("the median is the middle, or half way between the two in the middle", () => {
  assert.equal(median([9]), 9);
  assert.equal(median([10, 9, 2]), 9);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.throws(() => median([]), RangeError);
});

test("both sides take turns", async () => {
  const order: string[] = [];
  const turn = (who: string, value: number) => async (turn: number) => {
    order.push(`${who}${turn}`);
    return value + turn;
  };
  assert.deepEqual(await inTurns(2, turn("a", 1), turn("b", 10)), { bungee: [1, 2], plain: [10, 11] });
  assert.deepEqual(order, ["a0", "b0", "a1", "b1"]);
});

const MEASUREMENTS: readonly Measurement[] = [
  {
    key: "changed10",
    what: "10 hosts",
    bungee: "5.00 s",
    plain: "20.00 s",
    value: 0.25,
    unit: "×",
    aim: { atMost: 0.35 },
  },
  { key: "copy", what: "a copy", bungee: "50 MB/s", plain: "100 MB/s", value: 0.5, unit: "×", aim: { atLeast: 0.75 } },
  { key: "connections", what: "connections", bungee: "2", value: 2, aim: { exactly: 2 } },
  { key: "back", what: "snap back", bungee: "0.41 s", value: 0.41234, unit: "s" },
];

test("an aim is met, missed, or was never set", () => {
  assert.deepEqual(MEASUREMENTS.map(meetsAim), [true, false, true, undefined]);
  assert.equal(meetsAim({ ...MEASUREMENTS[0]!, value: 0.36 }), false);
  assert.equal(meetsAim({ ...MEASUREMENTS[1]!, value: 0.75 }), true);
  assert.equal(meetsAim({ ...MEASUREMENTS[2]!, value: 3 }), false);
});

test("the table has the results beside the aims", () => {
  assert.equal(
    renderTable(MEASUREMENTS),
    [
      "              bungee     plain   result       aim",
      "10 hosts      5.00 s   20.00 s   0.25 ×  ≤ 0.35 ×     met",
      "a copy       50 MB/s  100 MB/s    0.5 ×  ≥ 0.75 ×  missed",
      "connections        2                  2       = 2     met",
      "snap back     0.41 s            0.412 s",
    ].join("\n"),
  );
});

test("programs get the values by their keys", () => {
  assert.deepEqual(JSON.parse(toJson(MEASUREMENTS)), { changed10: 0.25, copy: 0.5, connections: 2, back: 0.412 });
});
