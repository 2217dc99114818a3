/**
 * The CI's SSH key is stolen, of a fleet that was set up as the template `ci` has it. The thief has what its runner has: the key, the known
 * hosts, the checkout, a bungee, and every signed system. What it tries goes through the pipeline, and past it.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Host } from "../lab/host.ts";
import type { DeployUserScene } from "./deploy-user.ts";
import { PipelineScene, REPOSITORY } from "./pipeline.ts";
import { assertUnchanged, type Deployment, finish, MAIN, skip, untilQuiet } from "./scene.ts";
import { commands } from "./thief/commands.ts";
import { questions } from "./thief/runs.ts";
import { logins, sessions } from "./thief/sessions.ts";
import { type Attempt, SECRET, Thief } from "./thief/thief.ts";

const STOLEN = "/root/stolen";
/** What comes by asking: what decides whether a user may stop a unit. Store paths come by nix's own rules, and mean nothing. */
const PASSING = /^polkit\.service|^nix\/store\//;
/** Of a host whose sshd is careless; this one is not. */
const OF_CARELESS_HOSTS = [
  "a subsystem that sshd would run by itself",
  "an environment of the thief's, on a host whose sshd takes any",
];

interface Try {
  /** What becomes of the checkout first: a script there. */
  readonly edit: string;
  /** `bungee` and these words, on the runner. */
  readonly words: readonly string[];
  readonly branch?: string;
  /** Why each host that was asked refused. */
  readonly why: { readonly code: string; readonly says: RegExp };
}

const EVIL = `echo '{ environment.etc."fleet-version".text = "evil\\n"; }' >modules/version.nix`;
/** Into the flake's output `bungee`, which makes no other system. */
const setting = (text: string) =>
  `sed -i 's|^      bungee.ci = {|      bungee.nodes.web1 = { ${text} };\\n&|' flake.nix; grep -q nodes.web1 flake.nix`;
/** Where a host is, is no part of its system. */
const OF_WEB2 = `sed -i 's|^      \\] host;|      ] host // { web1 = host "web2"; };|' flake.nix; sed -i s/web2/web1/ hosts/web2.nix`;
const UNSIGNED = { code: "copy", says: /lacks a (valid signature|signature by a trusted key)/ };
const deploy = (...words: string[]) => ["deploy", "web1", "--yes", ...words];

const TRIES: Readonly<Record<string, Try>> = {
  "a system of its own, as if pushed to main": { edit: EVIL, words: ["ci"], why: UNSIGNED },
  "a system of its own, as if pushed to a test branch": {
    edit: EVIL,
    words: ["ci"],
    branch: "test-web1",
    why: UNSIGNED,
  },
  "one that asks for no signatures, and lets the thief in": {
    edit: `sed -i /requireSignature/d modules/deploy.nix; sed -i "s|^  ci = .*|  ci = \\"$(cat /root/.ssh/ci.pub)\\";|" keys.nix; echo '{ users.users.root.openssh.authorizedKeys.keys = [ (import ../keys.nix).ci ]; }' >modules/version.nix`,
    words: ["ci"],
    why: UNSIGNED,
  },
  "one signed by a key of its own, of the fleet key's name": {
    edit: `${EVIL}; rm -rf /root/own; mkdir /root/own; nix key generate-secret --key-name fleet-1 >/root/own/key
      nix build --out-link /root/own/web1 .#nixosConfigurations.web1.config.system.build.toplevel
      nix store sign --recursive --key-file /root/own/key /root/own/web1`,
    words: deploy(),
    why: UNSIGNED,
  },
  "one with a reboot": { edit: EVIL, words: deploy("--reboot", "always"), why: UNSIGNED },
  "one without a way back": { edit: EVIL, words: deploy("--no-rollback"), why: UNSIGNED },
  "one to be tested": { edit: EVIL, words: deploy("--action", "test"), why: UNSIGNED },
  "one for the next boot": { edit: EVIL, words: deploy("--action", "boot"), why: UNSIGNED },
  "one to be staged": { edit: EVIL, words: deploy("--action", "stage"), why: UNSIGNED },
  "one to be looked at": { edit: EVIL, words: deploy("--action", "dry-activate"), why: UNSIGNED },
  "one that the host builds itself": {
    edit: `${EVIL}; ${setting('build = "target";')}`,
    words: deploy(),
    why: { code: "refused", says: /no key that this host trusts has signed/ },
  },
  "that one again, now that it lies in the host's store": {
    edit: EVIL,
    words: deploy(),
    why: { code: "refused", says: /no key that this host trusts has signed/ },
  },
  "another host's system, signed": {
    edit: OF_WEB2,
    words: deploy("--action", "test"),
    why: { code: "refused", says: /web2/ },
  },
  "another host's system, signed, with leave to change the name": {
    edit: OF_WEB2,
    words: deploy("--allow-host-name-change"),
    why: { code: "refused", says: /a deploy user/ },
  },
  "the login of a cache's push user, on a host that is none": {
    edit: ":",
    words: ["push-cache", "web1", "--to", "ssh://ci@web1"],
    why: { code: "refused", says: /this login only lets bungee deploy/ },
  },
};

describe("a thief of the CI's key", { skip, concurrency: 1 }, () => {
  let ours: PipelineScene;
  let host: Host;
  let thief: Thief;

  before(async () => {
    ours = await PipelineScene.open({ hosts: "bookworm", deployer: "bookworm" });
    const { scene } = ours;
    const { deployer } = scene;
    host = scene.host("web1");
    await host.output("umask 077; cat >/root/secret", { stdin: `${SECRET}\n` });
    // Of the scene of a deploy user, the attempts want no more than this.
    thief = new Thief({ scene } as DeployUserScene, host);
    // The fleet has moved on since its first deployment, whose systems are signed, too.
    await ours.commit("main", "2");
    const env = { SIGNING_KEY: ours.secrets.SIGNING_KEY };
    await deployer.output("sh ci/sign.sh web1 web2; nix run .#bungee -- deploy web1 web2 --yes", {
      cwd: REPOSITORY,
      env,
    });
    await deployer.output(`
      mv deploy_key .ssh/ci; mv deploy_key.pub .ssh/ci.pub
      git clone --quiet ${REPOSITORY} ${STOLEN}
      printf '  IdentityFile /root/.ssh/ci\\n  IdentitiesOnly yes\\n  UserKnownHostsFile ${STOLEN}/ci/known_hosts\\n' >>${STOLEN}/ci/ssh_config
      cp ${STOLEN}/ci/ssh_config ci-ssh-config`);
  });
  after(() => ours?.[Symbol.asyncDispose]());

  const look = async () =>
    (await host.snapshot())
      .split("\n")
      .filter((line) => !PASSING.test(line))
      .join("\n");

  async function bungee(words: readonly string[], branch = "main"): Promise<Deployment> {
    const env = {
      GITHUB_ACTIONS: "true",
      GITHUB_EVENT_NAME: "push",
      GITHUB_REF: `refs/heads/${branch}`,
      BUNGEE_SSH_CONFIG: "ci/ssh_config",
      BUNGEE_SSH_KEY: ours.secrets.DEPLOY_SSH_KEY,
    };
    const running = ours.scene.deployer.spawn(["node", MAIN, ...words, "--report", "json"], { cwd: STOLEN, env });
    const deployment = await finish(running);
    assert.ok(!(deployment.stdout + deployment.stderr).includes(SECRET), "the secret came out");
    return deployment;
  }

  const startOver = (edit: string, from = "origin/main") =>
    ours.scene.deployer.output(
      `git checkout --quiet --force ${from}; git clean --quiet --force -d; cp /root/ci-ssh-config ci/ssh_config\n${edit}`,
      { cwd: STOLEN },
    );

  describe("deploys", () => {
    let was: string;
    before(async () => {
      was = await look();
    });
    for (const [what, { edit, words, branch, why }] of Object.entries(TRIES)) {
      it(what, async () => {
        await startOver(edit);
        const { code, outcomes, stdout, stderr } = await bungee(words, branch);
        assert.equal(code, 1, stdout + stderr);
        assert.ok(Object.keys(outcomes).length > 0, stderr);
        for (const [name, outcome] of Object.entries(outcomes)) {
          assert.ok(outcome.kind === "failed", `${name}: ${JSON.stringify(outcome)}`);
          assert.equal(outcome.why.code, why.code, `${name}: ${JSON.stringify(outcome.why)}`);
          assert.match(JSON.stringify(outcome.why), why.says);
        }
        assertUnchanged(was, await look());
      });
    }
  });

  it("deploys an old system that was signed, with a health check of its own: which is not run, and the host goes back", async () => {
    const before = await host.triple();
    await startOver(setting('healthChecks.own.command = "cat /root/secret; touch /etc/pwned";'), "origin/main~1");
    const { outcomes, stdout } = await bungee(deploy());
    const outcome = outcomes.web1;
    assert.ok(outcome?.kind === "rolled-back" && outcome.verified, stdout);
    assert.match(JSON.stringify(outcome.why), /own/);
    await untilQuiet(host);
    assert.deepEqual(await host.triple(), before);
    assert.notEqual((await host.run(["ls", "/etc/pwned"])).code, 0);
  });

  it("what it can do: test an old system of this host that was signed, and go back to the new one", async () => {
    const before = await host.triple();
    for (const from of ["origin/main~1", "origin/main"]) {
      await startOver(":", from);
      const { outcomes, stdout } = await bungee(deploy("--action", "test"));
      assert.equal(outcomes.web1?.kind, "confirmed", stdout);
    }
    assert.deepEqual(await host.triple(), before);
  });

  const tryAll = (what: string, table: () => Readonly<Record<string, Attempt>>) =>
    it(what, async () => {
      const was = await look();
      const attempts = Object.entries(table()).filter(([name]) => !OF_CARELESS_HOSTS.includes(name));
      for (const [name, attempt] of attempts) {
        await attempt(thief).catch((error: Error) => {
          error.message = `${name}: ${error.message}`;
          throw error;
        });
      }
      assert.ok(attempts.length > 1);
      assertUnchanged(was, await look());
    });

  tryAll("asks for a command", () => commands);
  tryAll("asks ssh for more", () => sessions);
  tryAll("asks the activator", () => questions(() => running));
  let running = "";
  before(async () => {
    running = await host.output("readlink -f /run/current-system");
  });
  // New sshds shut out for a while who fails to log in: after this, nothing more goes to this host.
  tryAll("logs in as somebody else", () => logins);
});
