/** A workflow as its file says it. What this runner does not know is an error: it would be something that no test has tried. */
import assert from "node:assert/strict";
import { parse } from "yaml";

export interface Step {
  readonly id?: string;
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly run?: string;
  readonly env?: Readonly<Record<string, unknown>>;
}

export interface Job {
  readonly name?: string;
  readonly needs?: string | readonly string[];
  readonly if?: string;
  readonly "runs-on": string;
  readonly "timeout-minutes": number;
  readonly environment?: string;
  readonly outputs?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly "fail-fast"?: boolean; readonly matrix: Readonly<Record<string, unknown>> };
  readonly steps: readonly Step[];
}

export interface Workflow {
  readonly name: string;
  readonly on: Readonly<
    Record<string, { readonly inputs?: Readonly<Record<string, { readonly default: string }>> } | null>
  >;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly concurrency: { readonly group: string; readonly "cancel-in-progress": unknown };
  readonly env: Readonly<Record<string, unknown>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const STEP = ["id", "name", "if", "uses", "with", "run", "env"];
const JOB = ["name", "needs", "if", "runs-on", "timeout-minutes", "environment", "outputs", "strategy", "steps"];
const WORKFLOW = ["name", "on", "permissions", "concurrency", "env", "jobs"];

export function readWorkflow(text: string): Workflow {
  const workflow = parse(text) as Workflow;
  known("workflow", workflow, WORKFLOW);
  known("on", workflow.on, ["push", "pull_request", "workflow_dispatch"]);
  for (const [id, job] of Object.entries(workflow.jobs)) {
    known(id, job, JOB);
    if (job.strategy) known(`${id}.strategy`, job.strategy, ["fail-fast", "matrix"]);
    for (const step of job.steps) known(`${id}.steps`, step, STEP);
  }
  return workflow;
}

export function known(where: string, value: object, names: readonly string[]): void {
  const unknown = Object.keys(value).filter((name) => !names.includes(name));
  assert.deepEqual(unknown, [], `${where} has what this runner does not know`);
}

export const needsOf = ({ needs = [] }: Job): readonly string[] => (typeof needs === "string" ? [needs] : needs);

/** One job for each combination of a matrix that is known by now. */
export function combinations(matrix: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>[] {
  return Object.entries(matrix).reduce<Record<string, unknown>[]>(
    (all, [name, values]) => {
      assert.ok(Array.isArray(values), `matrix.${name} is no list`);
      return all.flatMap((one) => values.map((value) => ({ ...one, [name]: value })));
    },
    [{}],
  );
}
