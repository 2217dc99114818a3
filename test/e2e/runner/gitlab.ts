/** Runs .gitlab-ci.yml on a machine of the lab: its stages in order, `rules`, variables of each kind, each script in one shell. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { isTrue } from "./gitlab-rules.ts";
import type { Environment, Machine } from "./machine.ts";
import { known } from "./workflow.ts";

interface Rule {
  readonly if?: string;
  readonly when?: "always" | "never";
}

interface Job {
  readonly stage: string;
  readonly script: readonly string[];
  readonly rules?: readonly Rule[];
  readonly environment?: string;
  readonly interruptible?: boolean;
  readonly resource_group?: string;
}

interface Variable {
  readonly value: string;
  readonly options?: readonly string[];
}

export interface Pipeline {
  readonly workflow: { readonly rules: readonly Rule[] };
  readonly stages: readonly string[];
  readonly variables: Readonly<Record<string, string | Variable>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const GLOBAL = ["workflow", "default", "stages", "variables"];
const JOB = ["stage", "script", "rules", "environment", "interruptible", "resource_group"];

/** @throws for what GitLab would refuse, and for what nothing here does */
export function readPipeline(text: string): Pipeline {
  const { workflow, default: defaults, stages, variables, ...jobs } = parse(text) as Pipeline & { default: object };
  known("default", defaults, ["image", "interruptible"]);
  known("workflow", workflow, ["rules"]);
  for (const [name, job] of Object.entries(jobs as unknown as Pipeline["jobs"])) {
    assert.ok(!GLOBAL.includes(name));
    known(name, job, JOB);
    assert.ok(stages.includes(job.stage), `${name}: there is no stage ${job.stage}`);
    assert.ok(
      job.script.every((line) => typeof line === "string"),
      `${name}: a line of the script is no text`,
    );
    for (const rule of job.rules ?? []) known(`${name}.rules`, rule, ["if", "when"]);
  }
  for (const [name, variable] of Object.entries(variables)) {
    if (typeof variable === "string") continue;
    known(name, variable, ["description", "value", "options"]);
    assert.ok(
      variable.options === undefined || variable.options.includes(variable.value),
      `${name}: its value is no option`,
    );
  }
  return { workflow, stages, variables, jobs: jobs as unknown as Pipeline["jobs"] };
}

export interface Push {
  readonly source: "push" | "merge_request_event" | "web";
  readonly branch: string;
  readonly commit: string;
  readonly protected: boolean;
  /** Of a pipeline that somebody starts by hand. */
  readonly variables?: Readonly<Record<string, string>>;
}

export interface Project {
  readonly path: string;
  /** Variables of the type File, protected, of the environment `fleet`. */
  readonly files: Readonly<Record<string, string>>;
}

export interface JobEnd {
  readonly code: number;
  readonly log: string;
  /** Variables with secrets that it had. */
  readonly secrets: readonly string[];
}

/** @returns how each job ended that ran; undefined: there is no pipeline for this */
export async function runPipeline(
  machine: Machine,
  pipeline: Pipeline,
  project: Project,
  push: Push,
): Promise<ReadonlyMap<string, JobEnd> | undefined> {
  const variables = { ...defaults(pipeline, push.variables ?? {}), ...predefined(push) };
  if (!passes(pipeline.workflow.rules, variables)) return undefined;
  const ended = new Map<string, JobEnd>();
  for (const stage of pipeline.stages) {
    const jobs = Object.entries(pipeline.jobs).filter(([, job]) => job.stage === stage);
    for (const [name, job] of jobs.filter(([, { rules }]) => rules === undefined || passes(rules, variables))) {
      const files = push.protected && job.environment === "fleet" ? project.files : {};
      const secrets = Object.fromEntries(Object.entries(files).map(([file, text]) => [file, machine.file(file, text)]));
      const cwd = await machine.checkOut(project.path, push.commit);
      const { code, stdout, stderr } = await machine.script(
        job.script.join("\n"),
        cwd,
        { ...variables, ...secrets, CI_JOB_NAME: name, CI_PROJECT_DIR: cwd },
        ["-eo", "pipefail"],
      );
      ended.set(name, { code, log: `${stdout}${stderr}`, secrets: Object.keys(secrets) });
    }
    if ([...ended.values()].some(({ code }) => code !== 0)) break;
  }
  return ended;
}

/** The first rule that holds decides. */
function passes(rules: readonly Rule[], variables: Environment): boolean {
  const rule = rules.find((each) => each.if === undefined || isTrue(each.if, variables));
  return rule !== undefined && rule.when !== "never";
}

function defaults({ variables }: Pipeline, given: Environment): Environment {
  for (const [name, value] of Object.entries(given)) {
    const variable = variables[name];
    assert.ok(typeof variable === "object" && variable.options?.includes(value), `${name}: ${value} cannot be chosen`);
  }
  const own = Object.entries(variables).map(([name, each]) => [name, typeof each === "string" ? each : each.value]);
  return { ...Object.fromEntries(own), ...given };
}

function predefined({ source, branch, protected: isProtected }: Push): Environment {
  const common = {
    CI: "true",
    GITLAB_CI: "true",
    CI_PIPELINE_SOURCE: source,
    CI_PIPELINE_ID: "77",
    CI_PROJECT_PATH: "octo/fleet",
    CI_COMMIT_REF_NAME: branch,
    CI_COMMIT_REF_SLUG: branch.replaceAll(/[^a-z0-9]/g, "-"),
    CI_COMMIT_REF_PROTECTED: String(isProtected),
  };
  if (source !== "merge_request_event") return { ...common, CI_COMMIT_BRANCH: branch };
  return { ...common, CI_MERGE_REQUEST_IID: "7", CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: branch };
}
