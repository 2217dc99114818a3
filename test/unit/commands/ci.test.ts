/** The command as a process, with real nix and no host: what it explains, builds, and refuses. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { describe, it, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runLocal } from "../../../src/process.ts";
import { host, useFlakes } from "../fleet/flakes.ts";
import { derivation, withoutNix } from "../nix/real-nix.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
/** Of the machine's own CI, nothing may be left. */
const NOWHERE = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /^(GITHUB|GITLAB|FORGEJO|GITEA|CI|BUNGEE_SSH|BUNGEE_KNOWN|DEPLOY_)/.test(name))
    .map((name) => [name, undefined]),
);
const PUSH = { GITHUB_ACTIONS: "true", GITHUB_EVENT_NAME: "push" };

const ci = (flags: readonly string[], env: Record<string, string | undefined> = {}) =>
  runLocal(
    { argv: [process.execPath, MAIN, "ci", ...flags] },
    { env: { ...NOWHERE, FORCE_COLOR: undefined, NO_COLOR: "1", ...env } },
  );

test("a host named beside the branch is refused before anything is read", async () => {
  const { code, stdout, stderr } = await ci(["web1", "--flake", "/does/not/exist"]);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /^error: bungee ci chooses hosts by the branch, and web1 names some\n/);
});

describe("with a fleet", { skip: withoutNix }, () => {
  const flakes = useFlakes();
  const OFF = "{ bungee.enable = false; }";
  let fleets = 0;
  const fleet = (more = "") =>
    flakes.flake(`fleet${++fleets}`, { web1: host("web1"), web2: host("web2"), off: host("off", OFF) }, more);

  it("explains, for people", async () => {
    const { code, stdout, stderr } = await ci(["--explain", "--flake", fleet(), "--branch", "main"]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(
      stdout,
      [
        "branch    main",
        "rule      bungee.ci.main",
        "action    switch",
        "hosts     web1, web2",
        "why       main is the main branch: every host that is enabled gets it",
        "",
      ].join("\n"),
    );
  });

  it("explains, for the matrix of a workflow", async () => {
    const env = { ...PUSH, GITHUB_REF: "refs/heads/feature" };
    const { code, stdout } = await ci(["--explain", "--json", "--flake", fleet()], env);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), {
      version: 1,
      forge: "GitHub",
      event: "push",
      subject: { kind: "branch", branch: "feature" },
      rule: "branch",
      action: "build",
      reboot: "never",
      hosts: ["off", "web1", "web2"],
      why: ["feature is neither main nor a test branch (test-<host>): it only builds"],
    });
  });

  it("sets outputs for the jobs that follow, on a runner that reads them", async () => {
    const file = flakes.real.path("output");
    const reference = fleet();
    const explain = (env: Record<string, string>) =>
      ci(["--explain", "--flake", reference], { GITHUB_REF: "refs/heads/test-web2", GITHUB_OUTPUT: file, ...env });
    assert.equal((await explain(PUSH)).code, 0);
    assert.equal(readFileSync(file, "utf8"), 'hosts=["web2"]\naction=test\nreboot=never\n');
    const elsewhere = { GITLAB_CI: "true", CI_COMMIT_BRANCH: "main", CI_PIPELINE_SOURCE: "push" };
    assert.equal((await explain(elsewhere)).code, 0);
    assert.equal(readFileSync(file, "utf8").split("\n").length, 4);
  });

  it("fails the step where its outputs cannot be written: a job that follows would take them for empty", async () => {
    const env = { ...PUSH, GITHUB_REF: "refs/heads/main", GITHUB_OUTPUT: flakes.real.path("nowhere", "output") };
    const { code, stderr } = await ci(["--explain", "--flake", fleet()], env);
    assert.equal(code, 2);
    assert.match(stderr, /^error: GITHUB_OUTPUT .*\/nowhere\/output cannot be written: ENOENT\n {2}mend: /m);
  });

  it("refuses to explain what it would refuse to do", async () => {
    const alpha = `{ config = { system.build.toplevel = ${derivation("alpha", "echo > $out")}; deployment.targetHost = "alpha"; }; }`;
    const hive = `colmenaHive = rec { __schema = "v0.5"; nodes.alpha = ${alpha}; metaConfig.allowApplyAll = false;
      deploymentConfig = builtins.mapAttrs (_: node: node.config.deployment) nodes; };`;
    for (const explain of [[], ["--explain"]]) {
      const { code, stderr } = await ci([
        ...explain,
        "--flake",
        fleet(hive),
        "--schema",
        "colmena",
        "--branch",
        "main",
      ]);
      assert.equal(code, 2, stderr);
      assert.match(
        stderr,
        /error: meta\.allowApplyAll is false: all hosts at once may not be deployed\n {2}mend: .*bungee\.ci/,
      );
    }
  });

  it("asks the forge for the merged request's labels, with a token that was given for it", async () => {
    const pull = { merged_at: "2026-01-01", base: { ref: "main" }, labels: [{ name: "reboot" }] };
    const server = createServer((_, response) => response.end(JSON.stringify([pull])));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const env = {
      ...PUSH,
      GITHUB_REF: "refs/heads/main",
      GITHUB_REPOSITORY: "ops/fleet",
      GITHUB_SHA: "c0ffee",
      GITHUB_API_URL: `http://127.0.0.1:${port}`,
      BUNGEE_FORGE_TOKEN: "t0ken",
    };
    const reference = fleet();
    const explain = ["--explain", "--json", "--flake", reference, "--reboot", "never"];
    const { code, stdout, stderr } = await ci(explain, env);
    assert.equal(code, 0, stderr);
    const { action, reboot, hosts } = JSON.parse(stdout);
    assert.deepEqual([action, reboot, hosts], ["boot", "always", ["web1", "web2"]]);
    server.close();
    const refused = await ci(explain, env);
    assert.deepEqual([refused.code, refused.stdout], [2, ""]);
    assert.match(refused.stderr, /GitHub does not tell the labels of this commit's request: it cannot be reached/);
  });

  it("heeds the flake's own rules, and names what is wrong in them", async () => {
    const own = fleet(
      'bungee.ci = { main = "trunk"; rules = [ { branch = "try/*"; select = [ "web2" ]; action = "test"; } ]; };',
    );
    const { stdout } = await ci(["--explain", "--json", "--flake", own, "--branch", "try/it"]);
    const { action, hosts, rule } = JSON.parse(stdout);
    assert.deepEqual([action, hosts, rule], ["test", ["web2"], "bungee.ci.rules[0]"]);

    const wrong = await ci(["--explain", "--flake", fleet('bungee.ci.mian = "x";'), "--branch", "main"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /error: bungee\.ci\.mian: no such setting \(it is "x"\); did you mean main\?/);
    const nobody = 'bungee.ci.rules = [ { branch = "x"; } { branch = "y"; select = [ "wbe1" ]; } ];';
    const chosen = await ci(["--explain", "--flake", fleet(nobody), "--branch", "y"]);
    assert.deepEqual([chosen.code, chosen.stdout], [2, ""]);
    assert.match(chosen.stderr, /error: bungee\.ci\.rules\[1\]\.select: wbe1 matches no node; did you mean web[12]\?/);
    const part = await ci(["--explain", "--flake", fleet("bungee.cy = { };"), "--branch", "main"]);
    assert.match(part.stderr, /error: bungee\.cy: no such setting \(it is \{\}\); did you mean ci\?/);
  });

  it("a host that is unknown, or disabled, or no branch at all: exit 2", async () => {
    const refused = async (...branch: string[]) => {
      const { code, stderr } = await ci(["--flake", fleet(), ...branch]);
      assert.equal(code, 2);
      return stderr;
    };
    assert.match(await refused("--branch", "test-web3"), /there is no web3; did you mean web1 or web2\?/);
    assert.match(
      await refused("--branch", "test-off"),
      /error: the branch test-off: off is disabled .*\n {2}mend: enable/,
    );
    assert.match(await refused(), /error: no branch is known/);
    const summary = flakes.real.path("why");
    const env = { ...PUSH, GITHUB_REF: "refs/heads/test-web3", GITHUB_STEP_SUMMARY: summary };
    const { code, stdout, stderr } = await ci(["--explain", "--json", "--flake", fleet()], env);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /^::error title=bungee::the branch test-web3 names no host: .*%0Amend: rename/m);
    assert.match(readFileSync(summary, "utf8"), /^### bungee: nothing was started\n\n\*\*the branch test-web3/);
  });

  it("builds, with the runner's report and nothing of a host; neither nix nor ssh sees the key", async () => {
    flakes.real.write({ summary: "", output: "" });
    const files = { GITHUB_STEP_SUMMARY: flakes.real.path("summary"), GITHUB_OUTPUT: flakes.real.path("output") };
    const spy = `#!/bin/sh\n{ env; printf '%s\\n' "$0" "$@"; } >>${flakes.real.path("seen")}\nexec ${flakes.real.path("bin", "nix")} "$@"\n`;
    flakes.real.write({ "spy/nix": spy });
    execFileSync("chmod", ["+x", flakes.real.path("spy", "nix")]);
    const env = {
      ...PUSH,
      ...files,
      GITHUB_REF: "refs/heads/feature",
      BUNGEE_SSH_KEY: "the secret of the key",
      PATH: `${flakes.real.path("spy")}:${process.env.PATH}`,
    };
    const { code, stdout } = await ci(["--flake", fleet()], env);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /build on 3 hosts/);
    const read = (name: string) => readFileSync(flakes.real.path(name), "utf8");
    assert.match(read("output"), /^exit-code=0\n(.*\n)*staged=\["off","web1","web2"\]\n/);
    assert.match(read("summary"), /^### bungee: build on 3 hosts/);
    assert.match(read("seen"), /^PATH=/m);
    assert.doesNotMatch(read("seen") + stdout + read("summary"), /the secret of the key/);
  });

  it("deploys nothing to a host that no key is known of", async () => {
    flakes.real.write({ config: `UserKnownHostsFile ${flakes.real.path("none")}\nGlobalKnownHostsFile /dev/null\n` });
    const env = { BUNGEE_SSH_CONFIG: flakes.real.path("config"), BUNGEE_KNOWN_HOSTS: "" };
    const { code, stdout, stderr } = await ci(["--flake", fleet(), "--branch", "main"], env);
    assert.equal(code, 2);
    assert.match(stderr, /error: no host key is known of web1, web2: nothing was sent to any host/);
    assert.doesNotMatch(stdout, /connecting/);
  });
});
