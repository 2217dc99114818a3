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

/** Others answer with an empty list, and 404 means that the token does not let it in. */
const NONE_IS_404: readonly Forge[] = ["Forgejo", "Gitea"];
const TIMEOUT_MS = 30_000;
const MOST_BYTES = 8 * 1024 * 1024;

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
  if (forge === "GitLab") {
    const place = `projects/${encodeURIComponent(env.CI_PROJECT_ID ?? "")}/repository/commits/${env.CI_COMMIT_SHA}/merge_requests`;
    const requests = await ask(forge, env.CI_API_V4_URL, place, { "PRIVATE-TOKEN": token }, z.array(gitLab), signal);
    const merged = requests?.filter(({ state, target_branch }) => state === "merged" && target_branch === branch) ?? [];
    return new Set(merged.flatMap(({ labels }) => labels));
  }
  const commit = `repos/${env.GITHUB_REPOSITORY}/commits/${env.GITHUB_SHA}`;
  const headers = { Authorization: `Bearer ${token}`, Accept: "application/json" };
  if (forge === "GitHub") {
    const requests = await ask(forge, env.GITHUB_API_URL, `${commit}/pulls`, headers, z.array(gitHub), signal);
    const merged = requests?.filter(({ merged_at, base }) => merged_at && base.ref === branch) ?? [];
    return new Set(merged.flatMap(({ labels }) => labels.map(({ name }) => name)));
  }
  const request = await ask(forge, env.GITHUB_API_URL, `${commit}/pull`, headers, forgejo, signal);
  if (request === null || !request.merged || request.base.ref !== branch) return new Set<string>();
  return new Set(request.labels?.map(({ name }) => name));
}

/** @returns null where the forge says so of a commit without a request */
async function ask<T>(
  forge: Forge,
  api: string | undefined,
  place: string,
  headers: Readonly<Record<string, string>>,
  schema: z.ZodType<T>,
  signal: AbortSignal,
): Promise<T | null> {
  const url = `${api}/${place}`;
  const failed = (why: string, cause?: unknown) =>
    new UsageError(`${forge} does not tell the labels of this commit's request: ${why}`, {
      mend: "give BUNGEE_FORGE_TOKEN a token that may read pull or merge requests, or leave it empty: labels then mean nothing",
      detail: url,
      cause,
    });
  try {
    // Nothing is followed: the token is for this place alone.
    const within = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const response = await fetch(url, { headers, redirect: "error", signal: within });
    if (response.status === 404 && NONE_IS_404.includes(forge)) return null;
    if (!response.ok) throw failed(`it answers ${response.status}`);
    const body = await response.text();
    if (body.length > MOST_BYTES) throw failed("its answer is too long");
    const parsed = schema.safeParse(JSON.parse(body));
    if (!parsed.success) throw failed("its answer is none that is known");
    return parsed.data;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UsageError) throw error;
    throw failed(error instanceof SyntaxError ? "its answer is not JSON" : "it cannot be reached", error);
  }
}
