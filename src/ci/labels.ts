/** The labels of the request by which a commit came to its branch: the forge is asked, where the job was given a token for it. */
import { z } from "zod";
import { UsageError } from "../errors.ts";
import type { Inputs } from "./decide.ts";
import type { CiJob, Forge } from "./forge.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** What a label stands for, in the words of the flags; the first that a request has holds. */
const MEANS: readonly (readonly [string, Inputs])[] = [
  ["reboot", { action: "boot", reboot: "always" }],
  ["boot", { action: "boot" }],
];

const TIMEOUT_MS = 30_000;
const MOST_BYTES = 8 * 1024 * 1024;
const MOST_PAGES = 20;

const named = z.array(z.object({ name: z.string() }));
const gitHub = z.object({ merged_at: z.string().nullish(), base: z.object({ ref: z.string() }), labels: named });
const forgejo = z.object({ merged: z.boolean(), base: z.object({ ref: z.string() }), labels: named.nullish() });
const gitLab = z.object({ state: z.string(), target_branch: z.string(), labels: z.array(z.string()) });

/**
 * How the request that was merged says to deploy. Nothing for a job that is about no push to a branch, for one without a token, and where
 * no request was merged.
 * @throws UsageError when the forge does not answer: what a label asks for must not be lost
 */
export async function labelledInputs(
  job: CiJob,
  env: Env,
  token: string | undefined,
  signal: AbortSignal,
): Promise<Inputs> {
  const { forge, event, subject } = job;
  if (token === undefined || forge === null || event !== "push" || subject.kind !== "branch") return {};
  const labels = await labelsOf(forge, env, subject.branch, token, signal);
  return MEANS.find(([label]) => labels.has(label))?.[1] ?? {};
}

async function labelsOf(forge: Forge, env: Env, branch: string, token: string, signal: AbortSignal) {
  const get = (name: string) => {
    const value = env[name];
    if (!value) throw untold(forge, `${name} is not set`);
    return value;
  };
  if (forge === "GitLab") {
    const project = `${get("CI_API_V4_URL")}/projects/${encodeURIComponent(get("CI_PROJECT_ID"))}`;
    const url = `${project}/repository/commits/${get("CI_COMMIT_SHA")}/merge_requests?per_page=100`;
    const requests = await askAll(url, { forge, headers: { "PRIVATE-TOKEN": token }, signal }, gitLab);
    const merged = requests.filter(({ state, target_branch }) => state === "merged" && target_branch === branch);
    return new Set(merged.flatMap(({ labels }) => labels));
  }
  const repository = `${get("GITHUB_API_URL")}/repos/${get("GITHUB_REPOSITORY")}`;
  const commit = `${repository}/commits/${get("GITHUB_SHA")}`;
  const asking = { forge, headers: { Authorization: `Bearer ${token}`, Accept: "application/json" }, signal };
  if (forge === "GitHub") {
    const requests = await askAll(`${commit}/pulls?per_page=100`, asking, gitHub);
    const merged = requests.filter(({ merged_at, base }) => merged_at && base.ref === branch);
    return new Set(merged.flatMap(({ labels }) => labels.map(({ name }) => name)));
  }
  const { body: request } = await ask(`${commit}/pull`, { ...asking, none: 404 }, forgejo);
  // It says the same of a repository that the token does not let us see.
  if (request === null) await ask(repository, asking, z.object({}));
  if (request === null || !request.merged || request.base.ref !== branch) return new Set<string>();
  return new Set(request.labels?.map(({ name }) => name));
}

interface Asking {
  readonly forge: Forge;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** The status by which it says that there is no such thing; else that is a failure. */
  readonly none?: number;
}

/** All pages of a list. */
async function askAll<T>(first: string, asking: Asking, schema: z.ZodType<T>): Promise<T[]> {
  const all: T[] = [];
  let url: string | undefined = first;
  for (let page = 0; url !== undefined; page++) {
    if (page === MOST_PAGES) throw untold(asking.forge, `its answer has more than ${MOST_PAGES} pages`, url);
    const { body, next }: Answer<T[]> = await ask(url, asking, z.array(schema));
    all.push(...(body ?? []));
    url = next;
  }
  return all;
}

interface Answer<T> {
  /** null: there is none. */
  readonly body: T | null;
  /** The page behind this one. */
  readonly next: string | undefined;
}

async function ask<T>(url: string, { forge, headers, signal, none }: Asking, schema: z.ZodType<T>): Promise<Answer<T>> {
  const failed = (why: string, cause?: unknown) => untold(forge, why, url, cause);
  try {
    // Nothing is followed: the token is for this place alone.
    const within = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const response = await fetch(url, { headers, redirect: "error", signal: within });
    if (response.status === none) return { body: null, next: undefined };
    if (!response.ok) throw failed(`it answers ${response.status}`);
    const body = await response.text();
    if (body.length > MOST_BYTES) throw failed("its answer is too long");
    const parsed = schema.safeParse(JSON.parse(body));
    if (!parsed.success) throw failed("its answer is none that is known");
    const next = /<([^<>]*)>; *rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
    const { origin, host } = new URL(url);
    if (next !== undefined && new URL(next).origin !== origin) throw failed(`its next page is not at ${host}`);
    return { body: parsed.data, next };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UsageError) throw error;
    throw failed(error instanceof SyntaxError ? "its answer is not JSON" : "it cannot be reached", error);
  }
}

const untold = (forge: Forge, why: string, url?: string, cause?: unknown): UsageError =>
  new UsageError(`${forge} does not tell the labels of this commit's request: ${why}`, {
    mend: "give BUNGEE_FORGE_TOKEN a token that may read pull or merge requests, or leave it empty: labels then mean nothing",
    ...(url === undefined ? {} : { detail: url }),
    cause,
  });
