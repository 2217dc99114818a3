/** Many runs of chaos, several at once, and what they come to. */
import pLimit from "p-limit";
import { Field } from "./field.ts";
import { explain, planOf } from "./plan.ts";
import { carryOut, type RunReport } from "./run.ts";

export interface ChaosRequest {
  readonly seed: number;
  /** Numbers of the runs. */
  readonly runs: readonly number[];
  /** Runs at once. */
  readonly parallel: number;
  /** Tells the story of every run. */
  readonly verbose: boolean;
  readonly say: (text: string) => void;
}

const TELL_EVERY = 50;

/** Carries all runs out. The last thing said is `N runs, N violations`. */
export async function chaos({ seed, runs, parallel, verbose, say }: ChaosRequest): Promise<{ violated: number }> {
  const began = performance.now();
  const seconds = () => `${((performance.now() - began) / 1000).toFixed(0)} s`;
  say(`seed ${seed}: ${runs.length} runs, ${parallel} at once`);
  await using field = await Field.open();
  say(`systems built after ${seconds()}`);
  const reports: RunReport[] = [];
  const limit = pLimit(parallel);
  await Promise.all(
    runs.map((run) =>
      limit(async () => {
        const report = await carryOut(planOf(seed, run), field);
        reports.push(report);
        if (report.violations.length > 0) say(renderViolation(report));
        else if (verbose) say(renderStory(report));
        if (reports.length % TELL_EVERY === 0)
          say(`${reports.length} runs after ${seconds()}, ${violatedOf(reports)} violations`);
      }),
    ),
  );
  say(
    renderCounts(
      "outcomes",
      reports.flatMap((report) => report.outcomes),
    ),
  );
  say(
    renderCounts(
      "faults",
      reports.flatMap((report) => report.struck),
    ),
  );
  say(`${seconds()}; seed ${seed}`);
  const violated = violatedOf(reports);
  say(`${reports.length} runs, ${violated} violations`);
  return { violated };
}

const violatedOf = (reports: readonly RunReport[]) => reports.filter(({ violations }) => violations.length > 0).length;

function renderStory({ plan, story, outcomes, ms }: RunReport): string {
  return [explain(plan), ...story, `   → ${outcomes.join(", ") || "no report"}, ${ms} ms`].join("\n");
}

function renderViolation(report: RunReport): string {
  const { seed, run } = report.plan;
  return [
    "",
    `VIOLATION in run ${run} (again, alone: npm run chaos -- --seed ${seed} --run ${run})`,
    ...report.violations.map((violation) => `  ! ${violation}`),
    renderStory(report),
    report.evidence,
    "",
  ].join("\n");
}

function renderCounts(title: string, words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return `${title}: ${sorted.map(([word, count]) => `${count} ${word}`).join(", ")}`;
}
