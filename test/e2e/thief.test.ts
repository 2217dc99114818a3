/** The deploy user's key is stolen. The host takes only signed systems: whatever the thief tries, the host stays as it is. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Host } from "../lab/host.ts";
import { type Release, releases } from "../lab/rootfs.ts";
import { DeployUserScene, USER } from "./deploy-user.ts";
import { assertUnchanged, skip } from "./scene.ts";
import { commands } from "./thief/commands.ts";
import { brought, contentAddressed, type Prepared, prepare, releaseAttempts } from "./thief/releases.ts";
import { questions, runs } from "./thief/runs.ts";
import { logins, sessions } from "./thief/sessions.ts";
import { type Attempt, refusedBecause, SECRET, Thief } from "./thief/thief.ts";

/** What is started by somebody's asking: what decides whether a user may stop a unit. */
const PASSING = /^polkit\.service/;
/** Programs of the deploy user that have not ended some seconds later; systemd keeps its own for a user a while. */
const LEFT_RUNNING = `
  for i in $(seq 1 50); do
    left=$(ps -u ${USER} -o comm= | grep -vxE 'systemd|\\(sd-pam\\)') || exit 0
    sleep 0.1
  done
  echo "$left"`;

describe("a thief of the deploy user's key", { skip, concurrency: true }, () => {
  for (const release of releases) describe(`on ${release}`, { concurrency: 1 }, () => attempts(release));
});

function attempts(release: Release): void {
  let ours: DeployUserScene;
  let host: Host;
  let thief: Thief;
  let prepared: Prepared;
  let signed: string;

  before(async () => {
    // A host that is as careless as it may be: sshd takes any variable of anybody, and nix signs whatever it builds.
    const careless = {
      sudoConf: 'Defaults env_keep += "BUNGEE_ACTIVATOR ENV BASH_ENV"',
      sshdConf: "AcceptEnv *\nPermitUserEnvironment yes\nSubsystem files internal-sftp",
      nixConf: "secret-key-files = /etc/nix/host.key",
    };
    ours = await DeployUserScene.open(
      { hosts: ["web1", "web2"], hostRelease: release, deployerRelease: release },
      careless,
      {
        web1: { requireSignature: true },
      },
    );
    const { deployer } = ours.scene;
    host = ours.scene.host("web1");
    thief = new Thief(ours, host);
    for (const each of [host, ours.scene.host("web2")]) {
      await each.output("umask 077; cat >/root/secret", { stdin: `${SECRET}\n` });
      await each.output("umask 077; cat >/etc/nix/host.key", {
        stdin: readFileSync(deployer.path("/root/host.key"), "utf8"),
      });
    }
    prepared = await prepare(ours, "web1");
    signed = await ours.make("web1", ours.spec({ version: "2" }, { requireSignature: true }), "fleet");
    const { code, stdout, stderr } = await ours.scene.deploy("web1", "--action", "test");
    assert.equal(code, 0, stdout + stderr);
  });
  after(() => ours?.[Symbol.asyncDispose]());

  const tryAll = (table: Readonly<Record<string, Attempt>>, leftOut = PASSING) => {
    const look = async () => {
      const lines = (await host.snapshot()).split("\n");
      return lines.filter((line) => !leftOut.test(line)).join("\n");
    };
    let was: string;
    before(async () => {
      was = await look();
    });
    for (const [what, attempt] of Object.entries(table)) {
      it(what, async () => {
        await attempt(thief);
        assertUnchanged(was, await look());
        assert.equal(await host.output(LEFT_RUNNING), "");
      });
    }
  };

  describe("asks for a command", () => tryAll(commands));
  describe("asks ssh for more", () => tryAll(sessions));
  describe("deploys what is not the host's", () => tryAll(releaseAttempts(() => prepared)));
  describe("brings", () => tryAll(brought, /^nix\/store\//));
  describe("asks the activator", () => tryAll(questions(() => signed)));
  describe("gets at runs", () =>
    tryAll(
      runs(() => signed),
      /\/lib\/bungee\b/,
    ));

  it("a system on a host that takes unsigned ones cannot be made to say what a file of root's holds", async () => {
    const other = new Thief(ours, ours.scene.host("web2"));
    const path = await ours.scene.deployer.output(contentAddressed("web2"));
    for (const words of [`begin x action=test release=${path}`, `stage ${path} no no`, `dry-activate ${path} no no`]) {
      refusedBecause("other-host", await other.ssh([], `bungee-activator ${words}`, "0123abcd"));
    }
  });

  it("what a thief can do: stage a signed system, which is one root however often", async () => {
    for (const _ of [1, 2, 3]) await thief.ssh([], `bungee-activator stage ${signed} no yes`);
    assert.equal(await host.output("ls /nix/var/nix/gcroots/bungee"), "staged");
  });

  // New sshds shut out for a while who fails to log in: after this, nothing more goes to this host.
  describe("logs in as somebody else", () => tryAll(logins));

  it("the gate lets through the verbs that restricted mode has, and no others", () => {
    const verbsOf = (file: string) => {
      const text = readFileSync(join(import.meta.dirname, "../../src/activator", file), "utf8");
      return [...text.matchAll(/^ +((?:[a-z-]+ \| )+[a-z-]+)\)/gm)].flatMap(([, verbs]) => verbs!.split(" | ")).sort();
    };
    assert.ok(verbsOf("gate.sh").includes("confirm"));
    assert.deepEqual(verbsOf("gate.sh"), verbsOf("host/09-trust.sh"));
  });
}
