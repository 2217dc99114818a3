/** Chaos in small: some runs of a fixed seed. `npm run chaos` does as many as one likes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { needsSandbox } from "../lab/sandbox.ts";
import { chaos } from "./chaos.ts";

const SEED = 20_260_301;
const RUNS = 25;

test(`no host is lost in ${RUNS} runs of seed ${SEED}`, needsSandbox, async () => {
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const runs = Array.from({ length: RUNS }, (_, index) => index);
  const { violated } = await chaos({ seed: SEED, runs, parallel: 6, verbose: false, say });
  assert.equal(violated, 0, said.join("\n"));
  assert.equal(said.at(-1), `${RUNS} runs, 0 violations`);
});
