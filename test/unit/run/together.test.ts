import assert from "node:assert/strict";
import { it } from "node:test";
import { together } from "../../../src/run/together.ts";

it("together: what is ready together goes in one call, what comes meanwhile in the next, and never two calls at once", async () => {
  const calls: (readonly string[])[] = [];
  let under = 0;
  let most = 0;
  let end = () => {};
  const work = together(async (items: readonly string[]) => {
    calls.push(items);
    most = Math.max(most, ++under);
    await new Promise<void>((resolve) => {
      end = resolve;
    });
    under--;
    if (items.includes("bad")) throw new Error(`no: ${items}`);
    return items.length;
  });
  const begun = async (count: number) => {
    while (calls.length < count) await new Promise(setImmediate);
  };
  const first = [work("a"), work("b")];
  await begun(1);
  const second = [work("bad"), work("c")];
  end();
  assert.deepEqual(await Promise.all(first), [2, 2]);
  await begun(2);
  const third = work("d");
  await new Promise(setImmediate);
  assert.deepEqual(calls, [
    ["a", "b"],
    ["bad", "c"],
  ]);
  end();
  for (const failed of second) await assert.rejects(failed, { message: "no: bad,c" });
  await begun(3);
  end();
  assert.equal(await third, 1, "a call that fails takes nothing with it");
  assert.deepEqual([calls.length, most], [3, 1]);
});
