/**
 * Fuzzes: more than `npm test` does, with another seed, or one case again.
 *
 *     node test/fuzz/main.ts                                         every target, a new seed
 *     node test/fuzz/main.ts --target activator --runs 10000 --seed 7
 *     node test/fuzz/main.ts --target activator --seed 7 --case 4711
 *
 * The last line says `N cases, N violations`; the exit code is 1 on any.
 */
import { parseArgs } from "node:util";
import { enter } from "../lab/enter.ts";
import { probe } from "../lab/probe.ts";
import { fuzz } from "./target.ts";

const INSIDE = "BUNGEE_FUZZ_INSIDE";

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    runs: { type: "string" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    case: { type: "string" },
  },
});

if (process.env[INSIDE] === undefined && (await probe()).ok) {
  process.env[INSIDE] = "yes";
  const { target, runs, seed, case: number } = values;
  const words = Object.entries({ target, runs, seed, case: number }).filter(([, value]) => value !== undefined);
  process.exitCode = await enter([
    process.execPath,
    import.meta.filename,
    ...words.flatMap(([key, value]) => [`--${key}`, value!]),
  ]);
} else {
  process.exitCode = await main();
}

async function main(): Promise<number> {
  // Loaded in the sandbox only: targets look at where they are.
  const { targets } = await import("./targets.ts");
  const chosen = targets.filter(({ name }) => values.target === undefined || values.target === name);
  if (chosen.length === 0) {
    console.error(`no target ${values.target}; there are: ${targets.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  const seed = Number(values.seed);
  const total = { cases: 0, violations: 0 };
  for (const target of chosen) {
    if (target.skip) {
      console.log(`${target.name}: skipped: ${target.skip}`);
      continue;
    }
    const one = values.case === undefined ? undefined : Number(values.case);
    const round = { seed, first: one ?? 0, runs: one === undefined ? Number(values.runs ?? target.share) : 1 };
    const start = performance.now();
    try {
      await fuzz(target, round);
      console.log(
        `${target.name}: ${round.runs} cases with seed ${seed} in ${Math.round(performance.now() - start)} ms`,
      );
    } catch (error) {
      total.violations++;
      console.log(error instanceof Error ? error.message : error);
    }
    total.cases += round.runs;
  }
  console.log(`${total.cases} cases, ${total.violations} violations`);
  return total.violations > 0 ? 1 : 0;
}
