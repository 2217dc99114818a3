/** What forges say of a commit's request, by a server that speaks as they do. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import { after, before, beforeEach, describe, it } from "node:test";
import { readJob } from "../../../src/ci/forge.ts";
import { labelledInputs } from "../../../src/ci/labels.ts";
import { UsageError } from "../../../src/errors.ts";

const BOOT = { action: "boot" };
const REBOOT = { action: "boot", reboot: "always" };
interface Answer {
  readonly status?: number;
  readonly body: unknown;
  readonly location?: string;
  /** Of the next page. */
  readonly next?: string;
}

describe("the labels of the request that was merged", () => {
  const asked: IncomingMessage[] = [];
  let answer: Answer | ((url: string) => Answer);
  let api: string;
  const server = createServer((request, response) => {
    asked.push(request);
    const { status = 200, body, location, next } = typeof answer === "function" ? answer(request.url!) : answer;
    const link = next && { link: `<${api}/first>; rel="first", <${next}>; rel="next", <${api}/last>; rel="last"` };
    response.writeHead(status, { ...(location && { location }), ...link });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  });
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    api = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  });
  after(() => server.close());
  beforeEach(() => {
    asked.length = 0;
  });

  const actions = (forge: string, more = {}) => ({
    [`${forge}_ACTIONS`]: "true",
    GITHUB_ACTIONS: "true",
    GITHUB_EVENT_NAME: "push",
    GITHUB_REF: "refs/heads/main",
    GITHUB_REPOSITORY: "ops/fleet",
    GITHUB_SHA: "c0ffee",
    GITHUB_API_URL: `${api}/api/v1`,
    ...more,
  });
  const gitLab = () => ({
    GITLAB_CI: "true",
    CI_PIPELINE_SOURCE: "push",
    CI_COMMIT_BRANCH: "main",
    CI_PROJECT_ID: "42",
    CI_COMMIT_SHA: "c0ffee",
    CI_API_V4_URL: `${api}/api/v4`,
  });
  const say = (env: Record<string, string | undefined>, what: typeof answer, token: string | undefined = "t0ken") => {
    answer = what;
    return labelledInputs(readJob(env, undefined), env, token, new AbortController().signal);
  };
  const labels = (...names: string[]) => names.map((name) => ({ name, color: "red" }));
  const pull = (names: string[], more = {}) => ({
    merged_at: "2026-01-01T00:00:00Z",
    merged: true,
    base: { ref: "main" },
    labels: labels(...names),
    ...more,
  });

  it("GitHub", async () => {
    assert.deepEqual(await say(actions("GITHUB"), { body: [pull(["bug", "boot"])] }), BOOT);
    assert.equal(asked[0]?.url, "/api/v1/repos/ops/fleet/commits/c0ffee/pulls?per_page=100");
    assert.equal(asked[0]?.headers.authorization, "Bearer t0ken");
    assert.deepEqual(await say(actions("GITHUB"), { body: [pull(["reboot", "boot"])] }), REBOOT);
    assert.deepEqual(await say(actions("GITHUB"), { body: [] }), {});
    assert.deepEqual(await say(actions("GITHUB"), { body: [pull(["boot"], { merged_at: null })] }), {}, "not merged");
    assert.deepEqual(
      await say(actions("GITHUB"), { body: [pull(["boot"], { base: { ref: "dev" } })] }),
      {},
      "elsewhere",
    );
  });

  it("Forgejo", async () => {
    assert.deepEqual(await say(actions("FORGEJO"), { body: pull(["reboot"]) }), REBOOT);
    assert.equal(asked[0]?.url, "/api/v1/repos/ops/fleet/commits/c0ffee/pull");
    const noRequest = (url: string) => (url.endsWith("/pull") ? { status: 404, body: {} } : { body: {} });
    assert.deepEqual(await say(actions("FORGEJO"), noRequest), {}, "pushed without a request");
    assert.equal(asked.at(-1)?.url, "/api/v1/repos/ops/fleet");
    assert.deepEqual(await say(actions("FORGEJO"), { body: pull(["boot"], { merged: false }) }), {});
    assert.deepEqual(await say(actions("FORGEJO"), { body: pull([], { labels: null }) }), {});
  });

  it("GitLab", async () => {
    const request = { state: "merged", target_branch: "main", labels: ["boot", "x"] };
    assert.deepEqual(await say(gitLab(), { body: [request] }), BOOT);
    assert.equal(asked[0]?.url, "/api/v4/projects/42/repository/commits/c0ffee/merge_requests?per_page=100");
    assert.equal(asked[0]?.headers["private-token"], "t0ken");
    assert.deepEqual(await say(gitLab(), { body: [{ ...request, state: "opened" }] }), {});
  });

  it("on whichever page the request stands", async () => {
    const pages = (first: unknown, last: unknown) => (url: string) =>
      url.includes("page=3")
        ? { body: [last] }
        : { body: [first], next: `${api}/api/next?page=${url.includes("page=2") ? 3 : 2}` };
    const open = pull(["bug"], { merged_at: null });
    assert.deepEqual(await say(actions("GITHUB"), pages(open, pull(["boot"]))), BOOT);
    assert.deepEqual(asked.map(({ url }) => url).slice(1), ["/api/next?page=2", "/api/next?page=3"]);
    assert.equal(asked[2]?.headers.authorization, "Bearer t0ken");
    const request = { state: "merged", target_branch: "main", labels: ["reboot"] };
    assert.deepEqual(await say(gitLab(), pages({ ...request, labels: [] }, request)), REBOOT);
  });

  it("nobody is asked without a token, and of what is no push", async () => {
    answer = { body: [pull(["boot"])] };
    const job = readJob(actions("GITHUB"), undefined);
    assert.deepEqual(await labelledInputs(job, actions("GITHUB"), undefined, new AbortController().signal), {});
    for (const more of [{ GITHUB_EVENT_NAME: "workflow_dispatch" }, { GITHUB_REF: "refs/tags/v1" }])
      assert.deepEqual(await say(actions("GITHUB", more), { body: [pull(["boot"])] }), {});
    assert.equal(asked.length, 0);
  });

  it("a job whose token does not see Forgejo's repository fails: of a commit without a request the forge says the same", async () => {
    await assert.rejects(
      say(actions("FORGEJO"), { status: 404, body: {} }),
      /^UsageError: Forgejo does not tell .*: it answers 404/,
    );
  });

  for (const [env, name] of [
    ["GITHUB", "GITHUB_SHA"],
    ["GITHUB", "GITHUB_API_URL"],
    ["FORGEJO", "GITHUB_REPOSITORY"],
    ["GitLab", "CI_PROJECT_ID"],
  ] as const)
    it(`a job without ${name} fails, and says so`, async () => {
      const given = env === "GitLab" ? gitLab() : actions(env);
      await assert.rejects(say({ ...given, [name]: undefined }, { body: [] }), new RegExp(`: ${name} is not set`));
      assert.equal(asked.length, 0);
    });

  for (const [what, given, message] of [
    ["may not ask", { status: 403, body: {} }, /^GitHub does not tell the labels .*: it answers 403$/],
    ["does not see the repository", { status: 404, body: {} }, /answers 404/],
    ["is led elsewhere", { status: 302, body: "", location: "http://127.0.0.1:9/" }, /cannot be reached/],
    ["gets a page", { body: "<html>" }, /not JSON/],
    ["gets something else", { body: { message: "hello" } }, /none that is known/],
    ["gets pages without an end", (url: string) => ({ body: [], next: `${api}${url}1` }), /more than 20 pages/],
    [
      "is led elsewhere for the next page",
      { body: [], next: "http://127.0.0.2:9/" },
      /next page is not at 127\.0\.0\.1:/,
    ],
  ] as const)
    it(`a job that ${what} fails: what a label asks for must not be lost`, async () => {
      await assert.rejects(say(actions("GITHUB"), given), (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, message);
        assert.doesNotMatch(`${error.message}${error.mend}${error.detail}`, /t0ken/);
        return true;
      });
    });
});
