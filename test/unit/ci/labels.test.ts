/** What forges say of a commit's request, by a server that speaks as they do. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import { after, before, beforeEach, describe, it } from "node:test";
import { readJob } from "../../../src/ci/forge.ts";
import { labelledInputs } from "../../../src/ci/labels.ts";
import { UsageError } from "../../../src/errors.ts";

const BOOT = { action: "boot" };
const REBOOT = { action: "boot", reboot: "always" };
type Answer = { readonly status?: number; readonly body: unknown; readonly location?: string };

describe("the labels of the request that was merged", () => {
  const asked: IncomingMessage[] = [];
  let answer: Answer;
  let api: string;
  const server = createServer((request, response) => {
    asked.push(request);
    const { status = 200, body, location } = answer;
    response.writeHead(status, location ? { location } : {});
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
  const say = (env: Record<string, string>, what: Answer, token: string | undefined = "t0ken") => {
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
    assert.equal(asked[0]?.url, "/api/v1/repos/ops/fleet/commits/c0ffee/pulls");
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
    assert.deepEqual(await say(actions("FORGEJO"), { status: 404, body: {} }), {}, "pushed without a request");
    assert.deepEqual(await say(actions("FORGEJO"), { body: pull(["boot"], { merged: false }) }), {});
    assert.deepEqual(await say(actions("FORGEJO"), { body: pull([], { labels: null }) }), {});
  });

  it("GitLab", async () => {
    const request = { state: "merged", target_branch: "main", labels: ["boot", "x"] };
    assert.deepEqual(await say(gitLab(), { body: [request] }), BOOT);
    assert.equal(asked[0]?.url, "/api/v4/projects/42/repository/commits/c0ffee/merge_requests");
    assert.equal(asked[0]?.headers["private-token"], "t0ken");
    assert.deepEqual(await say(gitLab(), { body: [{ ...request, state: "opened" }] }), {});
  });

  it("nobody is asked without a token, and of what is no push", async () => {
    answer = { body: [pull(["boot"])] };
    const job = readJob(actions("GITHUB"), undefined);
    assert.deepEqual(await labelledInputs(job, actions("GITHUB"), undefined, new AbortController().signal), {});
    for (const more of [{ GITHUB_EVENT_NAME: "workflow_dispatch" }, { GITHUB_REF: "refs/tags/v1" }])
      assert.deepEqual(await say(actions("GITHUB", more), { body: [pull(["boot"])] }), {});
    assert.equal(asked.length, 0);
  });

  for (const [what, given, message] of [
    ["may not ask", { status: 403, body: {} }, /^GitHub does not tell the labels .*: it answers 403$/],
    ["does not see the repository", { status: 404, body: {} }, /answers 404/],
    ["is led elsewhere", { status: 302, body: "", location: "http://127.0.0.1:9/" }, /cannot be reached/],
    ["gets a page", { body: "<html>" }, /not JSON/],
    ["gets something else", { body: { message: "hello" } }, /none that is known/],
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
