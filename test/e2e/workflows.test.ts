/** The workflows of the template `ci`, step by step as their runners take them, against hosts that were set up as its README says. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { templateFolder } from "../templates/standins.ts";
import { HOSTS, PipelineScene, REPOSITORY } from "./pipeline.ts";
import { ActionsRunner, type Ended, type Trigger, type Uses } from "./runner/actions.ts";
import { type Project, type Push, readPipeline, runPipeline } from "./runner/gitlab.ts";
import type { Machine } from "./runner/machine.ts";
import { readWorkflow } from "./runner/workflow.ts";
import { assertUnchanged, skip, untilQuiet } from "./scene.ts";

/** What each action does on a runner, here: the repository comes from this machine, and nix is there. */
const checkout: Uses = (machine, { commit }, { path }) => machine.checkOut(path, commit);
const nothing: Uses = async (_machine, _trigger, _repository, workspace) => workspace;
const ACTIONS: Readonly<Record<string, Uses>> = {
  "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1": checkout,
  "https://data.forgejo.org/actions/checkout@11d5960a326750d5838078e36cf38b85af677262": checkout,
  "cachix/install-nix-action@630ae543ea3a38a9a4166f03376c02c50f408342": nothing,
};

const read = (file: string) => readFileSync(join(templateFolder("ci"), file), "utf8");

describe("the workflows of the template", { skip, concurrency: 1 }, () => {
  let ours: PipelineScene;
  let machine: Machine;
  let newer: Awaited<ReturnType<PipelineScene["otherRunner"]>>;

  before(async () => {
    ours = await PipelineScene.open({ hosts: "bookworm", deployer: "bookworm" });
    machine = ours.runner();
    newer = await ours.otherRunner("trixie");
  });
  after(() => ours?.[Symbol.asyncDispose]());

  const running = async () => Promise.all(HOSTS.map(async (name) => (await ours.scene.host(name).triple()).running));

  async function touchesNothing(work: () => Promise<void>): Promise<void> {
    const look = () =>
      Promise.all(
        HOSTS.map(async (name) => {
          const host = ours.scene.host(name);
          // What the deployment before has left may take a moment to go.
          await untilQuiet(host);
          return await host.snapshot();
        }),
      );
    const before = await look();
    await work();
    const after = await look();
    for (const [index, snapshot] of before.entries()) assertUnchanged(snapshot, after[index]!);
  }

  /** Labels say nothing here: nobody has set the secret that they are read with. */
  const secretsHere = () => ({ ...ours.secrets, LABELS_TOKEN: "" });

  /** Nothing that was printed has a secret in it, nothing of the job is left on the runner. */
  async function leavesNothing(at: Machine, logs: readonly string[]): Promise<void> {
    for (const secret of Object.values(ours.secrets)) {
      const telling: string =
        secret.split("\n").find((line: string) => line.length > 40 && !line.startsWith("-----")) ?? secret;
      for (const log of logs) assert.ok(!log.includes(telling), "a secret is printed");
    }
    const left = "ls -d /dev/shm/bungee-* /tmp/bungee-* /tmp/tmp.* 2>/dev/null | wc -l";
    assert.equal(await at.workstation.output(left), "0");
  }

  describe("GitHub", () => {
    const workflow = readWorkflow(read(".github/workflows/fleet.yml").replace('CACHE: ""', "CACHE: ssh://push@cache"));
    let runner: ActionsRunner;
    before(() => {
      runner = new ActionsRunner(machine, { path: REPOSITORY, forge: "GitHub", secrets: secretsHere() }, ACTIONS);
    });

    async function run(
      event: Trigger["event"],
      branch: string,
      version: string,
      more: Partial<Trigger> & { files?: Record<string, string> } = {},
    ) {
      const { files, ...trigger } = more;
      const commit = await ours.commit(branch, version, files);
      const ended = await runner.run(workflow, { event, branch, commit, ...trigger });
      await leavesNothing(
        machine,
        [...ended.values()].flatMap(({ log, summary }) => [log, summary]),
      );
      return ended;
    }

    it("a push to main deploys every host, each of which was built before", async () => {
      const ended = await run("push", "main", "2");
      assert.deepEqual(results(ended), {
        check: "success",
        hosts: "success",
        build: "success",
        "build (cache)": "success",
        "build (web1)": "success",
        "build (web2)": "success",
        built: "success",
        deploy: "success",
      });
      assert.deepEqual(await ours.versions(), { cache: "2", web1: "2", web2: "2" });
      for (const name of HOSTS) {
        const { running, profile, bootDefault } = await ours.scene.host(name).triple();
        assert.deepEqual([profile, bootDefault], [running, running]);
        assert.match(
          await ours.scene.host(name).output("tail -n 1 /var/lib/bungee/history"),
          /"ci:octo\/fleet:1 \(deploy user\)"/,
        );
      }
      const kept = await ours.scene.host("cache").output("cd /nix/var/nix/gcroots/bungee-cache/fleet; readlink */1");
      assert.deepEqual(kept.split("\n"), await running());
      assert.match(ended.get("deploy")!.summary, /\| ✅ \| web1 \| confirmed \|/);
      assert.deepEqual(secretsOf(ended), { deploy: ["DEPLOY_SSH_KEY", "SIGNING_KEY"] });
    });

    it("a push to test-web1 tries it on that host alone, until a reset", async () => {
      const before = await ours.scene.host("web1").triple();
      const ended = await run("push", "test-web1", "3");
      assert.deepEqual(
        Object.keys(results(ended)).filter((name) => name.startsWith("build (")),
        ["build (web1)"],
      );
      assert.equal(ended.get("deploy")?.result, "success", logOf(ended));
      assert.deepEqual(await ours.versions(), { cache: "2", web1: "3", web2: "2" });
      const { profile, bootDefault } = await ours.scene.host("web1").triple();
      assert.deepEqual([profile, bootDefault], [before.profile, before.bootDefault]);
    });

    it("a push to test-wbe1 fails before anything is built, and touches no host", async () => {
      await touchesNothing(async () => {
        const ended = await run("push", "test-wbe1", "4");
        const { hosts, build, built, deploy } = results(ended);
        assert.deepEqual([hosts, build, built, deploy], ["failure", "skipped", "failure", "skipped"]);
        const { log, summary } = ended.get("hosts")!;
        assert.match(
          log,
          /^::error title=bungee::the branch test-wbe1 names no host: there is no wbe1.*did you mean web1\?/m,
        );
        assert.match(summary, /test-wbe1 names no host/);
      });
    });

    it("a dispatch with the action boot changes what boots, and nothing that runs", async () => {
      const before = await running();
      const ended = await run("workflow_dispatch", "main", "5", { inputs: { action: "boot" } });
      assert.equal(ended.get("deploy")?.result, "success", logOf(ended));
      assert.deepEqual(await running(), before);
      for (const name of HOSTS) {
        const { running, profile, bootDefault } = await ours.scene.host(name).triple();
        assert.equal(profile, bootDefault);
        assert.notEqual(profile, running);
      }
    });

    it("a pull request, of a branch that is called main, only builds, and sees no secret", async () => {
      await touchesNothing(async () => {
        const ended = await run("pull_request", "main", "6");
        const { hosts, check, build, deploy } = results(ended);
        assert.deepEqual([hosts, check, build, deploy], ["success", "success", "success", "skipped"], logOf(ended));
        assert.deepEqual(secretsOf(ended), {});
      });
    });

    it("what nix flake check refuses is not deployed, though it can be built", async () => {
      const web = readFileSync(ours.scene.deployer.path(`${REPOSITORY}/modules/web.nix`), "utf8");
      const wrong = `{ imports = [ ./web-as-it-was.nix ]; assertions = [ { assertion = false; message = "not like this"; } ]; }\n`;
      await touchesNothing(async () => {
        const ended = await run("push", "main", "7", {
          files: { "modules/web-as-it-was.nix": web, "modules/web.nix": wrong },
        });
        const { check, build, built, deploy } = results(ended);
        assert.deepEqual([check, build, built, deploy], ["failure", "success", "failure", "skipped"]);
        assert.match(ended.get("check")!.log, /not like this/);
      });
      await ours.commit("main", "8", { "modules/web.nix": web });
    });
  });

  describe("Forgejo", () => {
    const workflow = readWorkflow(read(".forgejo/workflows/fleet.yml"));

    it("main is deployed; a feature's branch is only built", async () => {
      const repository = { path: REPOSITORY, forge: "Forgejo", secrets: secretsHere() } as const;
      const runner = new ActionsRunner(newer.machine, repository, ACTIONS);
      for (const [branch, version, deploy] of [
        ["main", "9", "success"],
        ["feature/x", "10", "skipped"],
      ] as const) {
        const commit = await ours.commit(branch, version);
        newer.bringUp();
        const ended = await runner.run(workflow, { event: "push", branch, commit });
        assert.deepEqual(results(ended), { check: "success", build: "success", deploy }, logOf(ended));
        await leavesNothing(newer.machine, [logOf(ended)]);
        assert.deepEqual(await ours.versions(), { cache: "9", web1: "9", web2: "9" });
      }
    });
  });

  describe("GitLab", () => {
    const pipeline = readPipeline(read(".gitlab-ci.yml"));

    async function run(version: string, push: Omit<Push, "commit">) {
      const commit = await ours.commit(push.branch, version);
      newer.bringUp();
      const files = { DEPLOY_KEY: ours.secrets.DEPLOY_SSH_KEY, SIGNING_KEY: ours.secrets.SIGNING_KEY };
      const project: Project = { path: REPOSITORY, files };
      const ended = await runPipeline(newer.machine, pipeline, project, { ...push, commit });
      assert.ok(ended);
      await leavesNothing(
        newer.machine,
        [...ended.values()].map(({ log }) => log),
      );
      return ended;
    }
    const codes = (ended: Awaited<ReturnType<typeof run>>) =>
      Object.fromEntries([...ended].map(([name, { code }]) => [name, code]));

    it("a push to a protected main deploys", async () => {
      const ended = await run("11", { source: "push", branch: "main", protected: true });
      assert.deepEqual(codes(ended), { check: 0, build: 0, deploy: 0 }, JSON.stringify([...ended]));
      assert.deepEqual(await ours.versions(), { cache: "11", web1: "11", web2: "11" });
    });

    it("a pipeline by hand on test-web2 takes what was chosen, and refuses what would outlast a reboot", async () => {
      await touchesNothing(async () => {
        const ended = await run("12", {
          source: "web",
          branch: "test-web2",
          protected: true,
          variables: { ACTION: "boot" },
        });
        assert.deepEqual(codes(ended), { check: 2 });
        assert.match(ended.get("check")!.log, /--action boot on a branch that only does test/);
      });
      const ended = await run("13", { source: "web", branch: "test-web2", protected: true });
      assert.equal(ended.get("deploy")?.code, 0, ended.get("deploy")?.log);
      assert.deepEqual(await ours.versions(), { cache: "11", web1: "11", web2: "13" });
    });

    it("a merge request and an unknown host's branch touch no host, and see no key", async () => {
      await touchesNothing(async () => {
        const request = await run("14", { source: "merge_request_event", branch: "main", protected: false });
        assert.deepEqual(codes(request), { check: 0, build: 0 });
        const unknown = await run("15", { source: "push", branch: "test-nobody", protected: true });
        assert.deepEqual(codes(unknown), { check: 2 });
        for (const { secrets } of [...request.values(), ...unknown.values()]) assert.deepEqual(secrets, []);
      });
    });
  });
});

const results = (ended: ReadonlyMap<string, Ended>) =>
  Object.fromEntries([...ended].map(([name, { result }]) => [name, result]));
const logOf = (ended: ReadonlyMap<string, Ended>) =>
  [...ended].map(([name, { log }]) => `== ${name}\n${log}`).join("\n");
const secretsOf = (ended: ReadonlyMap<string, Ended>) =>
  Object.fromEntries(
    [...ended].filter(([, { secrets }]) => secrets.length > 0).map(([name, { secrets }]) => [name, secrets]),
  );
