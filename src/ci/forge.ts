/** What a CI job is about, by the variables that its forge gives it. Pure: the caller hands the environment in. */

/** The forge's own spelling, for people. */
export type Forge = "GitHub" | "Forgejo" | "Gitea" | "GitLab";

export interface CiJob {
  /** null: none that is known; then the branch was given by hand. */
  readonly forge: Forge | null;
  /** As the forge calls it: `push`, `merge_request_event`. */
  readonly event: string | null;
  readonly subject: Subject;
  /** Where the job can be found again, for hosts' locks and histories; null where nothing is known. */
  readonly origin: string | null;
}

export type Subject =
  /** The job is about what a branch holds now. */
  | { readonly kind: "branch"; readonly branch: string }
  /** Changes that somebody proposes: never those of the branch they are proposed for. */
  | { readonly kind: "proposal"; readonly what: string }
  | { readonly kind: "tag"; readonly tag: string }
  /** No push; what the forge then gives as the branch is not what the event is about. */
  | { readonly kind: "other"; readonly what: string }
  | { readonly kind: "nothing" };

type Env = Readonly<Record<string, string | undefined>>;

/**
 * @param branch given by hand. It says which branch a job is about, where the forge does not; it never makes a push of what is none, since
 * the name of a proposal's branch is chosen by whoever proposes it.
 */
export function readJob(env: Env, branch: string | undefined): CiJob {
  const job = env.GITLAB_CI === "true" ? gitLabJob(env) : (actionsJob(env) ?? NOWHERE);
  const free = job.subject.kind === "branch" || job.subject.kind === "nothing";
  return branch !== undefined && free ? { ...job, subject: { kind: "branch", branch } } : job;
}

/** Whether what is printed is read by a runner of GitHub's kind. */
export const isActions = (env: Env): boolean => FAMILY.some(([, prefix]) => env[`${prefix}_ACTIONS`] === "true");

const NOWHERE: CiJob = { forge: null, event: null, subject: { kind: "nothing" }, origin: null };

/** Forgejo and Gitea give GitHub's variables, besides their own: the one that says who it is comes first. */
const FAMILY = [
  ["Forgejo", "FORGEJO"],
  ["Gitea", "GITEA"],
  ["GitHub", "GITHUB"],
] as const satisfies readonly (readonly [Forge, string])[];

/** Those for which the forge's ref is the branch that the job is about; for others it is the default branch, or the target. */
const OF_A_BRANCH = ["push", "workflow_dispatch", "schedule"];

function actionsJob(env: Env): CiJob | undefined {
  const [forge, prefix] = FAMILY.find(([, name]) => env[`${name}_ACTIONS`] === "true") ?? [];
  if (forge === undefined) return undefined;
  const get = (name: string) => env[`GITHUB_${name}`] || env[`${prefix}_${name}`] || "";
  const event = get("EVENT_NAME");
  const [repository, run] = [get("REPOSITORY"), get("RUN_ID")];
  const origin = repository === "" ? null : `ci:${repository}${run === "" ? "" : `:${run}`}`;
  return { forge, event: event || null, origin, subject: subjectOf(event, get("REF"), get("HEAD_REF")) };
}

function subjectOf(event: string, ref: string, headRef: string): Subject {
  // Of a merged request the ref is its target, as if somebody had pushed there.
  if (/^(pull_request|merge_group)/.test(event) || headRef !== "" || ref.startsWith("refs/pull/")) {
    return { kind: "proposal", what: headRef === "" ? ref : headRef };
  }
  if (ref.startsWith("refs/tags/")) return { kind: "tag", tag: ref.slice("refs/tags/".length) };
  if (!OF_A_BRANCH.includes(event)) return { kind: "other", what: event || "an event without a name" };
  if (ref.startsWith("refs/heads/")) return { kind: "branch", branch: ref.slice("refs/heads/".length) };
  return ref === "" ? { kind: "nothing" } : { kind: "other", what: ref };
}

function gitLabJob(env: Env): CiJob {
  const [project, pipeline] = [env.CI_PROJECT_PATH, env.CI_PIPELINE_ID];
  const origin = project ? `ci:${project}${pipeline ? `:${pipeline}` : ""}` : null;
  return { forge: "GitLab", event: env.CI_PIPELINE_SOURCE || null, origin, subject: gitLabSubject(env) };
}

function gitLabSubject(env: Env): Subject {
  const { CI_PIPELINE_SOURCE: source = "", CI_COMMIT_BRANCH: branch, CI_COMMIT_TAG: tag } = env;
  const request = env.CI_MERGE_REQUEST_IID || env.CI_EXTERNAL_PULL_REQUEST_IID;
  if (request || /^(merge_request|external_pull_request)/.test(source)) {
    const head = env.CI_MERGE_REQUEST_SOURCE_BRANCH_NAME || env.CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME;
    return { kind: "proposal", what: head || `!${request ?? "?"}` };
  }
  if (tag) return { kind: "tag", tag };
  return branch ? { kind: "branch", branch } : { kind: "nothing" };
}
