/**
 * `npm run chaos`: deploys to real hosts while everything around breaks, and looks whether a host was lost.
 *
 *     npm run chaos -- --runs 1000 --seed 7      a thousand runs; exit code 1 if any violates the invariant
 *     npm run chaos -- --seed 7 --run 212        this one again, alone; or some: 212,300
 *     npm run chaos -- --seed 7 --run 212 --explain   only what it would do
 *     --parallel N                               runs at once (default: four per processor)
 *     --verbose                                  tells every run's story
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { enter } from "../lab/enter.ts";
import { LabError } from "../lab/exec.ts";
import { sandboxCgroup } from "../lab/sandbox.ts";
import { chaos } from "./chaos.ts";
import { explain, planOf } from "./plan.ts";

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "100" },
      seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
      run: { type: "string" },
      parallel: { type: "string", default: String(4 * availableParallelism()) },
      explain: { type: "boolean", default: false },
      verbose: { type: "boolean", default: false },
    },
  });
  const seed = wholeNumber("seed", values.seed);
  const runs =
    values.run === undefined
      ? Array.from({ length: wholeNumber("runs", values.runs) }, (_, index) => index)
      : values.run.split(",").map((run) => wholeNumber("run", run));
  if (values.explain) {
    for (const run of runs) console.log(explain(planOf(seed, run)));
    return 0;
  }
  // In the sandbox this file runs once more, with the same seed.
  if (!sandboxCgroup()) {
    const rest = process.argv.slice(2);
    return await enter([
      process.execPath,
      import.meta.filename,
      ...rest,
      ...(rest.includes("--seed") ? [] : ["--seed", String(seed)]),
    ]);
  }
  const { violated } = await chaos({
    seed,
    runs,
    parallel: wholeNumber("parallel", values.parallel),
    verbose: values.verbose || values.run !== undefined,
    say: (text) => console.log(text),
  });
  return violated === 0 ? 0 : 1;
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new LabError(`--${name} takes a whole number, not ${text}`);
  return Number(text);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof LabError || (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS"))) throw error;
  console.error(`chaos: ${(error as Error).message}`);
  process.exitCode = 2;
}
