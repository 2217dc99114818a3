/** `bungee init` in a flake that is there already: the pipeline beside it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { templateFolder } from "../templates/standins.ts";
import { host, useFlakes } from "./fleet/flakes.ts";
import { FORGES, folder, init, treeOf, WORKFLOWS } from "./init.ts";
import { derivation, withoutNix } from "./nix/real-nix.ts";

describe("where a flake is", { skip: withoutNix }, () => {
  const flakes = useFlakes();
  const fleet = (name: string) =>
    flakes.flake(name, {
      web1: host("web1", '{ bungee = { addresses = [ "web1.example.org" ]; user = "alice"; }; }'),
      web2: host("web2", "{ bungee.port = 2222; }"),
      off: host("off", "{ bungee.enable = false; }"),
    });

  for (const forge of FORGES) {
    it(`writes the pipeline of ${forge} and what it reads, and speaks of the fleet's own hosts`, async () => {
      const directory = fleet(`init-${forge}`);
      const before = treeOf(directory);
      const { code, stdout, stderr } = await init("--ci", forge, "--directory", directory);
      assert.equal(code, 0, stderr);
      const came = Object.entries(treeOf(directory)).filter(([path]) => !(path in before));
      const expected = Object.entries(treeOf(templateFolder("ci"))).filter(
        ([path]) => path.startsWith("ci/") || path === WORKFLOWS[forge],
      );
      assert.deepEqual(Object.fromEntries(came), Object.fromEntries(expected));
      assert.match(stdout, /^2\. On web1, web2, make the login/m);
      assert.match(stdout, /^ {5}# and take bungee\.user out of web1: it comes before ci\/ssh_config$/m);
      assert.match(
        stdout,
        /^ {5}ssh-keyscan -t ed25519 web1\.example\.org >ci\/known_hosts\n {5}ssh-keyscan -t ed25519 -p 2222 web2 >>ci\/known_hosts$/m,
      );
      assert.match(
        stdout,
        forge === "gitlab" ? /^ {5}DEPLOY_KEY +~\/deploy_key$/m : /^ {5}DEPLOY_SSH_KEY +~\/deploy_key$/m,
      );
    });
  }

  it("keeps what is yours of what the pipeline reads, and says so; the pipeline itself is never written over", async () => {
    const directory = fleet("init-kept");
    assert.equal((await init("--ci", "github", "--directory", directory)).code, 0);
    writeFileSync(join(directory, "ci/known_hosts"), "web1 ssh-ed25519 AAAA\n");
    const again = await init("--ci", "forgejo", "--directory", directory);
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, /^wrote {2}.*\/\.forgejo\/workflows\/fleet\.yml$/m);
    assert.match(again.stdout, /^kept {3}.*\/ci\/known_hosts: not what the template has$/m);
    assert.match(again.stdout, /^there {2}.*\/ci\/sign\.sh$/m);
    assert.equal(readFileSync(join(directory, "ci/known_hosts"), "utf8"), "web1 ssh-ed25519 AAAA\n");
    writeFileSync(join(directory, WORKFLOWS.forgejo), "mine");
    const refused = await init("--ci", "forgejo", "--directory", directory);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /^error: \.forgejo\/workflows\/fleet\.yml: there already, and nothing was written\n/);
    rmSync(join(directory, "ci/known_hosts"));
    symlinkSync("/etc/hosts", join(directory, "ci/known_hosts"));
    assert.match(
      (await init("--ci", "gitlab", "--directory", directory)).stderr,
      /^error: ci\/known_hosts: there already/,
    );
  });

  it("says what its jobs cannot build of a fleet that stands elsewhere in the flake", async () => {
    const own = fleet("init-own");
    const says = /^1\. The jobs build nixosConfigurations\.<host>, and this fleet's hosts stand in deploy\.nodes/m;
    assert.doesNotMatch((await init("--ci", "github", "--directory", own)).stdout, /The jobs build/);
    const profile = `profiles.system = { user = "root"; path = ${derivation("profile", "echo > $out")}; };`;
    const other = flakes.flake("init-deploy-rs", {}, `deploy.nodes.web1 = { hostname = "web1"; ${profile} };`);
    assert.match((await init("--ci", "github", "--directory", other)).stdout, says);
  });

  it("has no step that commits a secret key", async () => {
    const directory = fleet("init-keys");
    const { stdout } = await init("--ci", "github", "--directory", directory);
    const steps = [...stdout.matchAll(/^ {5}((?:\(?umask|ssh-keygen -t ed25519 -N|nix key|git add).*)$/gm)].map(
      ([, line]) => line!,
    );
    assert.equal(steps.length, 4, stdout);
    const env = { ...process.env, HOME: folder(), NIX_CONFIG: "extra-experimental-features = nix-command" };
    for (const step of ["git config user.name test; git config user.email test@localhost", ...steps])
      execFileSync("bash", ["-ec", step.replace("git commit", "git commit -m x")], {
        cwd: directory,
        env,
        stdio: "pipe",
      });
    const committed = execFileSync("git", ["ls-files"], { cwd: directory, encoding: "utf8" }).trim().split("\n");
    assert.ok(committed.includes("ci/sign.sh"));
    for (const file of committed)
      assert.doesNotMatch(readFileSync(join(directory, file), "utf8"), /PRIVATE KEY|^fleet-1:/m, file);
    const secrets = treeOf(env.HOME);
    assert.match(secrets.deploy_key!, /PRIVATE KEY/);
    assert.match(secrets["fleet.key"]!, /^fleet-1:/);
    assert.equal(statSync(join(env.HOME, "fleet.key")).mode & 0o077, 0);
  });

  it("writes it beside a flake that cannot be evaluated, too, and says why it knows no names", async () => {
    const directory = folder();
    writeFileSync(join(directory, "flake.nix"), "{ outputs = ");
    const { code, stdout, stderr } = await init("--ci", "github", "--directory", directory);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /the fleet's names are not known:\nerror: .*syntax error/s);
    assert.match(stdout, /ssh-keyscan -t ed25519 web1\.example\.org >ci\/known_hosts/);
    assert.ok(WORKFLOWS.github in treeOf(directory));
  });

  it("takes no template, and refuses to do nothing", async () => {
    const directory = fleet("init-none");
    const before = treeOf(directory);
    const template = await init("--template", "fleet", "--directory", directory);
    assert.deepEqual([template.code, template.stdout], [2, ""]);
    assert.match(template.stderr, /--template fleet is a flake of its own, and .*flake\.nix stands there/);
    const none = await init("--ci", "none", "--directory", directory);
    assert.equal(none.code, 2);
    assert.match(none.stderr, /--ci none wants no pipeline beside it/);
    assert.deepEqual(treeOf(directory), before);
  });
});
