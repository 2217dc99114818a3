/** Environments as each forge really gives them: what the job is about. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isActions, readJob } from "../../../src/ci/forge.ts";

const GITHUB = {
  CI: "true",
  GITHUB_ACTIONS: "true",
  GITHUB_REPOSITORY: "octo/fleet",
  GITHUB_RUN_ID: "42",
  GITHUB_ACTOR: "renovate[bot]",
  GITHUB_HEAD_REF: "",
  GITHUB_BASE_REF: "",
};
const push = (branch: string) => ({
  ...GITHUB,
  GITHUB_EVENT_NAME: "push",
  GITHUB_REF: `refs/heads/${branch}`,
  GITHUB_REF_NAME: branch,
  GITHUB_REF_TYPE: "branch",
});
/** What a merge request's job has of each kind; of detached ones the source branch is not in CI_COMMIT_BRANCH. */
const GITLAB = { CI: "true", GITLAB_CI: "true", CI_PROJECT_PATH: "octo/fleet", CI_PIPELINE_ID: "7" };

const subjects: Readonly<Record<string, [Record<string, string>, unknown]>> = {
  "GitHub: a push": [push("main"), { kind: "branch", branch: "main" }],
  "GitHub: a branch with a slash": [push("feature/x"), { kind: "branch", branch: "feature/x" }],
  "GitHub: a branch that is called like a tag's ref": [
    push("refs/tags/v1"),
    { kind: "branch", branch: "refs/tags/v1" },
  ],
  "GitHub: a dispatch": [
    { ...push("test-web1"), GITHUB_EVENT_NAME: "workflow_dispatch" },
    { kind: "branch", branch: "test-web1" },
  ],
  "GitHub: a schedule": [
    { ...push("main"), GITHUB_EVENT_NAME: "schedule" },
    { kind: "branch", branch: "main" },
  ],
  "GitHub: a tag": [
    { ...push("x"), GITHUB_REF: "refs/tags/v1.0", GITHUB_REF_NAME: "v1.0", GITHUB_REF_TYPE: "tag" },
    { kind: "tag", tag: "v1.0" },
  ],
  "GitHub: a pull request": [
    {
      ...GITHUB,
      GITHUB_EVENT_NAME: "pull_request",
      GITHUB_REF: "refs/pull/7/merge",
      GITHUB_REF_NAME: "7/merge",
      GITHUB_REF_TYPE: "branch",
      GITHUB_HEAD_REF: "feature",
      GITHUB_BASE_REF: "main",
    },
    { kind: "proposal", what: "feature" },
  ],
  "GitHub: pull_request_target, whose ref is the target": [
    { ...push("main"), GITHUB_EVENT_NAME: "pull_request_target", GITHUB_HEAD_REF: "main", GITHUB_BASE_REF: "main" },
    { kind: "proposal", what: "main" },
  ],
  "GitHub: a pull request that was merged, whose ref is the target": [
    { ...push("main"), GITHUB_EVENT_NAME: "pull_request", GITHUB_HEAD_REF: "feature", GITHUB_BASE_REF: "main" },
    { kind: "proposal", what: "feature" },
  ],
  "GitHub: a review of a pull request, without its head": [
    { ...push("main"), GITHUB_EVENT_NAME: "pull_request_review", GITHUB_REF: "refs/pull/7/merge" },
    { kind: "proposal", what: "refs/pull/7/merge" },
  ],
  "GitHub: a merge queue": [
    { ...push("gh-readonly-queue/main/pr-7-abc"), GITHUB_EVENT_NAME: "merge_group" },
    { kind: "proposal", what: "refs/heads/gh-readonly-queue/main/pr-7-abc" },
  ],
  "GitHub: workflow_run, whose ref is the default branch whatever was built": [
    { ...push("main"), GITHUB_EVENT_NAME: "workflow_run" },
    { kind: "other", what: "workflow_run" },
  ],
  "GitHub: a comment, whose ref is the default branch": [
    { ...push("main"), GITHUB_EVENT_NAME: "issue_comment" },
    { kind: "other", what: "issue_comment" },
  ],
  "GitHub: no event": [
    { ...push("main"), GITHUB_EVENT_NAME: "" },
    { kind: "other", what: "an event without a name" },
  ],
  "GitHub: a commit that no branch holds": [
    { ...push("x"), GITHUB_REF: "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00" },
    { kind: "other", what: "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00" },
  ],
  "GitHub: a push without a ref": [{ ...push("x"), GITHUB_REF: "" }, { kind: "nothing" }],
  "GitHub: an event that looks like a push": [
    { ...push("main"), GITHUB_EVENT_NAME: "pushed" },
    { kind: "other", what: "pushed" },
  ],
  "Forgejo: a push": [
    { ...push("test-db1"), FORGEJO_ACTIONS: "true", GITEA_ACTIONS: "true" },
    { kind: "branch", branch: "test-db1" },
  ],
  "Forgejo: its own variables alone": [
    { FORGEJO_ACTIONS: "true", FORGEJO_EVENT_NAME: "push", FORGEJO_REF: "refs/heads/main" },
    { kind: "branch", branch: "main" },
  ],
  "Gitea: a pull request, whose ref is its head": [
    {
      ...push("main"),
      GITEA_ACTIONS: "true",
      GITHUB_EVENT_NAME: "pull_request",
      GITHUB_REF: "refs/pull/3/head",
      GITHUB_HEAD_REF: "main",
    },
    { kind: "proposal", what: "main" },
  ],
  "GitLab: a push": [
    { ...GITLAB, CI_PIPELINE_SOURCE: "push", CI_COMMIT_BRANCH: "main", CI_COMMIT_REF_NAME: "main" },
    { kind: "branch", branch: "main" },
  ],
  "GitLab: started by hand": [
    { ...GITLAB, CI_PIPELINE_SOURCE: "web", CI_COMMIT_BRANCH: "test-web1" },
    { kind: "branch", branch: "test-web1" },
  ],
  "GitLab: a tag": [
    { ...GITLAB, CI_PIPELINE_SOURCE: "push", CI_COMMIT_TAG: "v1", CI_COMMIT_REF_NAME: "v1" },
    { kind: "tag", tag: "v1" },
  ],
  "GitLab: a merge request": [
    {
      ...GITLAB,
      CI_PIPELINE_SOURCE: "merge_request_event",
      CI_MERGE_REQUEST_IID: "3",
      CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: "main",
      CI_MERGE_REQUEST_TARGET_BRANCH_NAME: "main",
      CI_COMMIT_REF_NAME: "main",
    },
    { kind: "proposal", what: "main" },
  ],
  "GitLab: a child of a merge request's pipeline": [
    { ...GITLAB, CI_PIPELINE_SOURCE: "parent_pipeline", CI_MERGE_REQUEST_IID: "3", CI_COMMIT_REF_NAME: "main" },
    { kind: "proposal", what: "!3" },
  ],
  "GitLab: a pull request of elsewhere": [
    {
      ...GITLAB,
      CI_PIPELINE_SOURCE: "external_pull_request_event",
      CI_EXTERNAL_PULL_REQUEST_IID: "3",
      CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME: "main",
      CI_COMMIT_BRANCH: "main",
    },
    { kind: "proposal", what: "main" },
  ],
  "GitLab: a commit that no branch holds": [{ ...GITLAB, CI_PIPELINE_SOURCE: "api" }, { kind: "nothing" }],
  "no forge": [{ HOME: "/root" }, { kind: "nothing" }],
  "a forge's variables without the forge": [{ GITHUB_REF: "refs/heads/main" }, { kind: "nothing" }],
};

for (const [name, [env, subject]] of Object.entries(subjects)) {
  test(name, () => assert.deepEqual(readJob(env, undefined).subject, subject));
}

describe("--branch", () => {
  const given = (env: Record<string, string>) => readJob(env, "main").subject;

  test("says the branch where nothing does, and another one than a push says", () => {
    assert.deepEqual(given({}), { kind: "branch", branch: "main" });
    assert.deepEqual(given(push("feature")), { kind: "branch", branch: "main" });
  });

  for (const [name, [env, subject]] of Object.entries(subjects)) {
    if (["branch", "nothing"].includes((subject as { kind: string }).kind)) continue;
    test(`makes no push of it: ${name}`, () => assert.deepEqual(given(env), subject));
  }
});

test("who says so, and where the job is found again; never who pushed", () => {
  const { forge, event, origin } = readJob(push("main"), undefined);
  assert.deepEqual([forge, event, origin], ["GitHub", "push", "ci:octo/fleet:42"]);
  assert.equal(readJob({ ...push("main"), FORGEJO_ACTIONS: "true" }, undefined).forge, "Forgejo");
  assert.equal(readJob({ ...push("main"), GITEA_ACTIONS: "true" }, undefined).forge, "Gitea");
  assert.equal(readJob({ ...GITLAB, CI_COMMIT_BRANCH: "main" }, undefined).origin, "ci:octo/fleet:7");
  assert.deepEqual(readJob({ ...push("main"), GITHUB_ACTOR: "somebody" }, undefined), readJob(push("main"), undefined));
});

test("a runner of GitHub's kind is known by its variable", () => {
  assert.ok(isActions(push("main")));
  assert.ok(isActions({ FORGEJO_ACTIONS: "true" }));
  assert.ok(!isActions(GITLAB));
});
