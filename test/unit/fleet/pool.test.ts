import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { EvaluationPool } from "../../../src/fleet/pool.ts";

const GiB = 1024 ** 3;

/** Runs tasks of 5 ms each; → how many ran at the same time at most, and in what order they began. */
async function crowd(pool: EvaluationPool, tasks = 20): Promise<{ most: number; order: number[] }> {
  let running = 0;
  let most = 0;
  const order: number[] = [];
  const task = (index: number) => async () => {
    order.push(index);
    most = Math.max(most, ++running);
    await sleep(5);
    running--;
  };
  await Promise.all(Array.from({ length: tasks }, (_, index) => pool.run(task(index))));
  return { most, order };
}

describe("EvaluationPool", () => {
  for (const [cores, free, most] of [
    [2, 64 * GiB, 2],
    [8, 64 * GiB, 8],
    [8, 5 * GiB, 3],
    [8, GiB / 10, 1],
    [1, 64 * GiB, 1],
  ] as const) {
    it(`${cores} cores and ${free / GiB} GiB: ${most} at once`, async () => {
      const { most: seen, order } = await crowd(new EvaluationPool({ cores, freeMemory: () => free }));
      assert.equal(seen, most);
      assert.deepEqual(
        order,
        order.toSorted((left, right) => left - right),
        "in the order of the calls",
      );
    });
  }

  it("starts no more while others use up the memory", async () => {
    let free = 64 * GiB;
    const pool = new EvaluationPool({ cores: 8, freeMemory: () => free });
    const first = pool.run(() => sleep(20));
    free = GiB / 10;
    const { most } = await crowd(pool);
    await first;
    assert.equal(most, 1);
  });

  it("learns from what an evaluation took", { skip: process.platform !== "linux" && "needs /proc" }, async () => {
    // Room for three at the first guess; for one when each takes the 200 MB that are seen.
    const pool = new EvaluationPool({ cores: 8, freeMemory: () => 300 * 1024 ** 2 });
    const hungry = new EvaluationPool({ cores: 3, freeMemory: () => 300 * 1024 ** 2 });
    const eat = (megabytes: number) => async (watch: (pid: number) => void) => {
      const code = `globalThis.food = Buffer.alloc(${megabytes} * 1024 ** 2, 1); setTimeout(() => {}, 1500)`;
      const child = spawn(process.execPath, ["-e", code]);
      watch(child.pid!);
      await once(child, "exit");
    };
    await pool.run(eat(1));
    await hungry.run(eat(200));
    assert.ok((await crowd(pool)).most >= 2, "a small one makes room for more");
    assert.equal((await crowd(hungry)).most, 1);
  });

  it("goes on after a failure", async () => {
    const pool = new EvaluationPool({ cores: 1, freeMemory: () => GiB });
    await assert.rejects(
      pool.run(async () => {
        throw new Error("no");
      }),
      { message: "no" },
    );
    assert.equal(await pool.run(async () => 1), 1);
  });
});
