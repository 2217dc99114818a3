/** A share of every target, with a seed that does not change; `main.ts` does more. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { BadCase, fuzz, pure } from "./target.ts";
import { targets } from "./targets.ts";

describe("whatever comes in", () => {
  for (const target of targets) {
    it(`${target.name}: ${target.share} cases`, { skip: target.skip ?? false }, async () => {
      await fuzz(target, { seed: 1, first: 0, runs: target.share });
    });
  }
});

it("memory stays small, however much is sent", () => {
  const child = [join(import.meta.dirname, "memory-child.ts")];
  const most = Number(
    execFileSync(process.execPath, ["--max-old-space-size=96", ...child], { stdio: ["ignore", "pipe", "ignore"] }),
  );
  assert.ok(most > 0 && most < 192 * 2 ** 20, `${most} bytes were held`);
});

describe("a case that fails", () => {
  const odd = pure<number>({
    name: "odd",
    share: 10,
    generate: (random) => random.integer(0, 9),
    check: (number) => assert.notEqual(number, 7),
  });

  it("is told with the words that bring it back", async () => {
    const again = await fuzz(odd, { seed: 3, first: 0, runs: 1000 }).then(
      () => assert.fail("no seven in a thousand"),
      (error: Error) => /again: node test\/fuzz\/main\.ts --target odd --seed 3 --case (\d+)/.exec(error.message)![1],
    );
    await assert.rejects(fuzz(odd, { seed: 3, first: Number(again), runs: 1 }), /input: 7/);
  });

  it("is found among those that are checked together", async () => {
    const check = async (inputs: readonly number[]) => {
      const index = inputs.indexOf(7);
      if (index >= 0) throw new BadCase(index, "seven");
    };
    const together = { ...odd, atOnce: 50, open: async () => ({ check, async [Symbol.asyncDispose]() {} }) };
    await assert.rejects(fuzz(together, { seed: 3, first: 0, runs: 1000 }), /: seven\ninput: 7\n/);
  });
});

it("a target that is not there is told, with those that are", () => {
  const main = [join(import.meta.dirname, "main.ts"), "--target", "nothing"];
  const { status, stderr } = spawnSync(process.execPath, main, {
    encoding: "utf8",
    env: { ...process.env, BUNGEE_FUZZ_INSIDE: "yes" },
  });
  assert.equal(status, 2);
  assert.match(stderr, /no target nothing; there are: activator, /);
});
