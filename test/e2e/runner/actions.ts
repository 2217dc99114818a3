/**
 * Runs a workflow of GitHub's kind on a machine of the lab: its jobs one after the other, honouring `needs`, `if`, matrix, outputs and
 * environments, each step in the environment that the runner of that forge gives.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { type Contexts, type Expressions, hasExpression, interpolate, isMet, resolve } from "./expression.ts";
import type { Environment, Machine } from "./machine.ts";
import { combinations, type Job, needsOf, type Step, type Workflow } from "./workflow.ts";

export type Forge = "GitHub" | "Forgejo";

export interface Trigger {
  readonly event: "push" | "pull_request" | "workflow_dispatch";
  /** Of the push; of a request, the one that it comes from. */
  readonly branch: string;
  readonly commit: string;
  readonly inputs?: Readonly<Record<string, string>>;
}

export interface Repository {
  /** Where it stands on the machine. */
  readonly path: string;
  readonly forge: Forge;
  readonly secrets: Readonly<Record<string, string>>;
}

/** What an action does, here; it gives where the job goes on. */
export type Uses = (machine: Machine, trigger: Trigger, repository: Repository, workspace: string) => Promise<string>;

export interface Ended {
  readonly result: "success" | "failure" | "skipped";
  readonly outputs: Readonly<Record<string, string>>;
  /** Of the steps that ran. */
  readonly log: string;
  readonly summary: string;
  /** Names of the secrets that were in the environment of a step. */
  readonly secrets: readonly string[];
}

const SKIPPED: Ended = { result: "skipped", outputs: {}, log: "", summary: "", secrets: [] };
/** As the environment's rules have it. */
const PROTECTED = /^(main|test-.*)$/;

export class ActionsRunner {
  readonly #machine: Machine;
  readonly #repository: Repository;
  readonly #actions: Readonly<Record<string, Uses>>;
  #runs = 0;

  constructor(machine: Machine, repository: Repository, actions: Readonly<Record<string, Uses>>) {
    this.#machine = machine;
    this.#repository = repository;
    this.#actions = actions;
  }

  /** @returns how each job ended; those of a matrix as `build (web1)`, and `build` for all of them */
  async run(workflow: Workflow, trigger: Trigger): Promise<ReadonlyMap<string, Ended>> {
    assert.ok(trigger.event in workflow.on, `the workflow does not run on ${trigger.event}`);
    this.#runs++;
    const ended = new Map<string, Ended>();
    const base = { github: this.#github(workflow, trigger), inputs: inputsOf(workflow, trigger) };
    const group = interpolate(workflow.concurrency.group, { contexts: base, ok: true });
    assert.match(group, /refs\//, "each branch has a group of its own");
    const waiting = new Map(Object.entries(workflow.jobs));
    while (waiting.size > 0) {
      const next = [...waiting].find(([, job]) => needsOf(job).every((name) => ended.has(name)));
      assert.ok(next, "jobs wait for each other");
      const [id, job] = next;
      waiting.delete(id);
      const needs = Object.fromEntries(
        needsOf(job).map((name) => [name, { result: ended.get(name)!.result, outputs: ended.get(name)!.outputs }]),
      );
      const ok = needsOf(job).every((name) => ended.get(name)!.result === "success");
      const expressions: Expressions = { contexts: { ...base, needs }, ok };
      if (!isMet(job.if, expressions)) {
        ended.set(id, SKIPPED);
        continue;
      }
      const matrix = Object.entries(job.strategy?.matrix ?? {}).map(([name, each]) => [
        name,
        resolve(each, expressions),
      ]);
      const all: Ended[] = [];
      for (const one of combinations(Object.fromEntries(matrix))) {
        const end = await this.#job(workflow, job, trigger, { ...expressions.contexts, matrix: one });
        if (job.strategy) ended.set(`${id} (${Object.values(one).join(", ")})`, end);
        all.push(end);
      }
      ended.set(id, together(all));
    }
    return ended;
  }

  async #job(workflow: Workflow, job: Job, trigger: Trigger, base: Contexts): Promise<Ended> {
    const steps: Record<string, { outputs: Record<string, string> }> = {};
    // Every branch of the repository has its secrets, but for those of an environment; a fork's request has none.
    const hidden =
      trigger.event === "pull_request" || (job.environment !== undefined && !PROTECTED.test(trigger.branch));
    const secrets = Object.fromEntries(
      Object.entries(this.#repository.secrets).map(([name, value]) => [name, hidden ? "" : value]),
    );
    const seen = new Set<string>();
    const logs: string[] = [];
    let [ok, workspace, added, summary] = [true, "/root", {} as Environment, ""];
    for (const step of job.steps) {
      const before: Expressions = { contexts: { ...base, steps, secrets }, ok };
      const outer = { ...texts(workflow.env, before), ...added };
      const expressions: Expressions = { contexts: { ...before.contexts, env: outer }, ok };
      if (!isMet(step.if, expressions)) continue;
      if (step.uses !== undefined) {
        const action = this.#actions[step.uses];
        assert.ok(action, `nothing here does what ${step.uses} does`);
        workspace = await action(this.#machine, trigger, this.#repository, workspace);
        continue;
      }
      const own = texts(step.env ?? {}, expressions);
      for (const [name, value] of Object.entries(secrets))
        if (value !== "" && Object.values(own).some((text) => text.includes(value))) seen.add(name);
      const files = {
        GITHUB_OUTPUT: this.#machine.file("output"),
        GITHUB_STEP_SUMMARY: this.#machine.file("summary"),
        GITHUB_ENV: this.#machine.file("env"),
      };
      const env = { ...this.#variables(trigger, base), ...outer, ...own, ...files, GITHUB_WORKSPACE: workspace };
      const { code, stdout, stderr } = await this.#machine.script(scriptOf(step), workspace, env);
      logs.push(`# ${step.name ?? step.run}\n${stdout}${stderr}`);
      const read = (file: string) => readIfThere(this.#machine.workstation.path(file));
      summary += read(files.GITHUB_STEP_SUMMARY);
      added = { ...added, ...assignments(read(files.GITHUB_ENV)) };
      if (step.id !== undefined) steps[step.id] = { outputs: assignments(read(files.GITHUB_OUTPUT)) };
      if (code !== 0) ok = false;
    }
    const after: Expressions = { contexts: { ...base, steps }, ok };
    const outputs = ok ? texts(job.outputs ?? {}, after) : {};
    return { result: ok ? "success" : "failure", outputs, log: logs.join(""), summary, secrets: [...seen] };
  }

  #github(workflow: Workflow, { event, branch, commit }: Trigger): Contexts {
    const request = event === "pull_request";
    return {
      workflow: workflow.name,
      event_name: event,
      ref: request ? "refs/pull/7/merge" : `refs/heads/${branch}`,
      ref_name: request ? "7/merge" : branch,
      head_ref: request ? branch : "",
      base_ref: request ? "main" : "",
      sha: commit,
      repository: "octo/fleet",
      run_id: String(this.#runs),
    };
  }

  /** What the runner gives each step, of what anything of ours could read. */
  #variables(_: Trigger, { github }: Contexts): Environment {
    const given = Object.entries(github as Environment).map(([name, value]) => [`GITHUB_${name.toUpperCase()}`, value]);
    const own = this.#repository.forge === "Forgejo" ? { FORGEJO_ACTIONS: "true", GITEA_ACTIONS: "true" } : {};
    return { ...Object.fromEntries(given), ...own, CI: "true", GITHUB_ACTIONS: "true" };
  }
}

function inputsOf({ on }: Workflow, { event, inputs = {} }: Trigger): Contexts {
  const declared = on.workflow_dispatch?.inputs ?? {};
  for (const name of Object.keys(inputs)) assert.ok(name in declared, `there is no input ${name}`);
  return Object.fromEntries(
    Object.entries(declared).map(([name, { default: value }]) => [
      name,
      event === "workflow_dispatch" ? (inputs[name] ?? value) : null,
    ]),
  );
}

function scriptOf({ run }: Step): string {
  assert.ok(run !== undefined, "a step that does nothing");
  assert.ok(!hasExpression(run), `what an expression gives would be read by the shell: ${run}`);
  return run;
}

const texts = (values: Readonly<Record<string, unknown>>, expressions: Expressions): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, interpolate(String(value), expressions)]));

function assignments(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line !== "");
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^([\w-]+)=(.*)$/.exec(line) ?? [];
      assert.ok(name !== undefined && value !== undefined, `not an output: ${line}`);
      return [name, value];
    }),
  );
}

const readIfThere = (file: string) => (existsSync(file) ? readFileSync(file, "utf8") : "");

/** Of one job, or of all of a matrix. */
function together(all: readonly Ended[]): Ended {
  if (all.length === 1) return all[0]!;
  return {
    result: all.every(({ result }) => result === "success") ? "success" : "failure",
    outputs: {},
    log: all.map(({ log }) => log).join(""),
    summary: all.map(({ summary }) => summary).join(""),
    secrets: [...new Set(all.flatMap(({ secrets }) => secrets))],
  };
}
