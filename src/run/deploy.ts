/** A deployment: survey the fleet, make the plan, have it approved, send every node on its way, and collect how each ended. */
import pLimit from "p-limit";
import { describeError, InterruptedError } from "../errors.ts";
import type { Evaluated, Node } from "../fleet/node.ts";
import { predecessors, waves } from "../fleet/order.ts";
import type { Connect } from "../host/connection.ts";
import { Builds } from "./build.ts";
import type { Emit } from "./events.ts";
import type { DeployRequest, Job } from "./job.ts";
import { asWanted, exitCode, type Outcome } from "./outcome.ts";
import { pipeline } from "./pipeline.ts";
import { PLAN_VERSION, type Plan, planNode, type Survey, type Wanted } from "./plan.ts";
import { isThere, named, profileOf } from "./release.ts";
import { Session } from "./session.ts";
import { Stages } from "./stages.ts";
import { Surveyor } from "./survey.ts";

export interface Deployed {
  readonly plan: Plan | undefined;
  readonly outcomes: ReadonlyMap<string, Outcome>;
  readonly exitCode: 0 | 1 | 3 | 130;
}

/**
 * Every node ends with an outcome; no node's failure hides another's.
 * @param interruption aborted: nothing new is started, and hosts in activation come to their end
 */
export async function deploy(
  request: DeployRequest,
  connect: Connect,
  emit: Emit,
  interruption: AbortSignal,
): Promise<Deployed> {
  const began = performance.now();
  const { deployment, action, nodes } = request;
  emit({ type: "deployment-started", deployment, action, nodes: [...namesOf(request)] });

  await using builds = await Builds.open(deployment, emit, interruption);
  const jobs = nodes.map((node, serial): Job => {
    const log: Job["log"] = (source, line) =>
      emit({ type: "log", node: node.name, source, line, ...(source === "nix" ? { verbose: true } : {}) });
    const session = new Session(node, telling(connect, node, emit), request.secrets);
    const stages = new Stages(node.name, emit);
    const build = async () => builds.build(job, await surveyor.evaluated(job));
    // A plan builds nothing.
    const keep = async (evaluated: Evaluated) => (request.dryRun ? undefined : builds.keep(evaluated));
    const job: Job = { request, node, serial, session, stages, emit, log, interruption, keep, build };
    return job;
  });
  const surveyor = new Surveyor(jobs);

  try {
    const plan = await approvedPlan(request, surveyor, jobs, emit);
    const outcomes =
      plan === "declined"
        ? new Map([...namesOf(request)].map((name) => [name, { kind: "skipped", why: "not approved" } as const]))
        : request.dryRun
          ? new Map<string, Outcome>()
          : await new Rollout(request, surveyor, emit).all(jobs);
    const code = request.dryRun
      ? planExitCode(plan, interruption.aborted)
      : exitCode(outcomes.values(), interruption.aborted);
    const ms = Math.round(performance.now() - began);
    emit({ type: "deployment-finished", deployment, outcomes: Object.fromEntries(outcomes), exitCode: code, ms });
    return { plan: plan === "declined" ? undefined : plan, outcomes, exitCode: code };
  } finally {
    await Promise.allSettled(jobs.map((job) => job.session.close()));
  }
}

/** A host's key that was new, another transport: what happened while connecting, and was no error. */
const telling =
  (connect: Connect, { name: node }: Node, emit: Emit): Connect =>
  (target, options) =>
    connect(target, { onNotice: (line) => emit({ type: "log", node, source: "bungee", line }), ...options });

/** Without anybody to ask there is nothing to wait for: each node goes on as soon as it is surveyed itself. */
async function approvedPlan(
  request: DeployRequest,
  surveyor: Surveyor,
  jobs: readonly Job[],
  emit: Emit,
): Promise<Plan | undefined | "declined"> {
  const surveyed = Promise.all(jobs.map(async (job) => [job.node.name, await surveyor.survey(job)] as const)).then(
    (surveys) => {
      const plan = makePlan(request, new Map(surveys));
      emit({ type: "planned", plan });
      return plan;
    },
  );
  if (!request.dryRun && request.approve === undefined) {
    // Offline hosts are known before anything is built.
    await Promise.all(jobs.map((job) => surveyor.reached(job)));
    sealSecrets(request);
    return undefined;
  }
  const plan = await surveyed;
  sealSecrets(request);
  const wanted = Object.values(plan.nodes).some((node) => node.kind === "deploy");
  return request.dryRun || !wanted || (await request.approve?.(plan)) ? plan : "declined";
}

/** Every host has been reached, or will not be: a question from now on would come while hosts wait for their confirmation. */
function sealSecrets({ action, secrets }: DeployRequest): void {
  // Hosts that build their own system are first spoken to when they do.
  if (action !== "build") secrets?.seal();
}

function makePlan(request: DeployRequest, surveys: ReadonlyMap<string, Survey>): Plan {
  const broken = [...request.broken].map(([name, error]) => [name, failedBy(error)] as const);
  const nodes = [...surveys].map(([name, survey]) => [name, planNode(wantedOf(request, name), survey)] as const);
  return {
    version: PLAN_VERSION,
    action: request.action,
    waves: orderOf(request),
    nodes: Object.fromEntries([...broken, ...nodes]),
  };
}

const namesOf = ({ nodes, broken }: DeployRequest) => new Set([...nodes.map((node) => node.name), ...broken.keys()]);
const orderOf = (request: DeployRequest) => waves(request.fleet, namesOf(request));

const wantedOf = ({ action, reboot, fleet }: DeployRequest, name: string): Wanted => {
  const node = fleet.get(name);
  return { action, reboot, mayReboot: node?.reboot.allow ?? false, profile: node && profileOf(node)?.name };
};

const failedBy = (error: unknown) => ({ kind: "failed", why: describeError(error) }) as const;

function planExitCode(plan: Plan | undefined | "declined", interrupted: boolean): 0 | 1 | 130 {
  if (interrupted) return 130;
  return typeof plan === "object" && Object.values(plan.nodes).some((node) => node.kind === "failed") ? 1 : 0;
}

/** Sends nodes on their way, `parallel` at once, each after the nodes it names in `after`. */
class Rollout {
  readonly #request: DeployRequest;
  readonly #surveyor: Surveyor;
  readonly #emit: Emit;
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #outcomes = new Map<string, Promise<Outcome>>();

  constructor(request: DeployRequest, surveyor: Surveyor, emit: Emit) {
    this.#request = request;
    this.#surveyor = surveyor;
    this.#emit = emit;
    this.#limit = pLimit(request.parallel);
  }

  async all(jobs: readonly Job[]): Promise<Map<string, Outcome>> {
    // In order of the waves, so that what a node waits for is under way before it.
    const byName = new Map(jobs.map((job) => [job.node.name, job]));
    const order = orderOf(this.#request).flat();
    for (const name of order) {
      const job = byName.get(name);
      this.#outcomes.set(name, job ? this.#one(job) : this.#broken(name));
    }
    return new Map(await Promise.all(order.map(async (name) => [name, await this.#outcomes.get(name)!] as const)));
  }

  async #broken(node: string): Promise<Outcome> {
    const outcome = failedBy(this.#request.broken.get(node)!);
    this.#emit({ type: "node-finished", node, outcome, ms: 0 });
    return outcome;
  }

  async #one(job: Job): Promise<Outcome> {
    const { name } = job.node;
    const blocker = await this.#blocker(job);
    const began = performance.now();
    const outcome =
      blocker === undefined ? await this.#limit(() => this.#start(job)) : ({ kind: "skipped", why: blocker } as const);
    const ms = Math.round(performance.now() - began);
    this.#emit({ type: "node-finished", node: name, outcome, ms });
    return outcome;
  }

  /** Waits for what stands in `after`. Returns why this node cannot start, if it cannot. */
  async #blocker(job: Job): Promise<string | undefined> {
    const { fleet } = this.#request;
    for (const earlier of predecessors(fleet, namesOf(this.#request), job.node.name)) {
      const outcome = await this.#outcomes.get(earlier)!;
      if (!asWanted(outcome)) return `${earlier}, which it comes after, is ${outcome.kind}`;
    }
    return undefined;
  }

  async #start(job: Job): Promise<Outcome> {
    const { interruption } = job;
    const { name } = job.node;
    if (interruption.aborted) return { kind: "skipped", why: "interrupted before it was started" };
    const wanted = wantedOf(this.#request, name);
    const survey = await this.#surveyor.survey(job);
    const plan = planNode(wanted, survey);
    if (interruption.aborted) return { kind: "skipped", why: "interrupted before it was started" };
    if (plan.kind === "unchanged") return { kind: "unchanged", release: plan.release, ...named(profileOf(job.node)) };
    if (plan.kind === "failed") return { kind: "failed", why: plan.why };
    try {
      // What was deployed to this host before may have broken the line without a word.
      if (job.node.profile !== null && job.node.after.length > 0) job.session.drop();
      const outcome = await pipeline(job, (release) => isThere(release, job.node, wanted, survey));
      const stopped = outcome.kind === "failed" && interruption.aborted && outcome.why.code === "interrupted";
      return stopped ? { kind: "skipped", why: "interrupted before anything was touched" } : outcome;
    } catch (defect) {
      return failedBy(defect);
    }
  }
}

/** What an interruption's signal carries as its reason. */
export const interrupted = () =>
  new InterruptedError("stopped before it was done", { mend: "deploy again; what is done stays done" });
