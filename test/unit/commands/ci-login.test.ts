import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openLogin, takeGiven } from "../../../src/commands/ci-login.ts";
import { ConfigurationError } from "../../../src/errors.ts";

const keyOf = (name: string) => `-----BEGIN OPENSSH PRIVATE KEY-----\n${name}\n-----END OPENSSH PRIVATE KEY-----\n`;
const ALONE = { interactive: false };
const NO_FILES = { sshKeyFile: undefined, knownHosts: undefined };

describe("what a job was given", () => {
  it("is taken out of the environment, which nix and ssh inherit", () => {
    const env: Record<string, string | undefined> = {
      BUNGEE_SSH_KEY: "one",
      DEPLOY_SSH_KEY: "two",
      BUNGEE_KNOWN_HOSTS: "known",
      BUNGEE_FORGE_TOKEN: "t0ken",
      PATH: "/bin",
    };
    assert.deepEqual(takeGiven(env), { key: "one", knownHosts: "known", token: "t0ken" });
    assert.deepEqual(env, { BUNGEE_KNOWN_HOSTS: "known", PATH: "/bin" });
  });

  it("may be called DEPLOY_SSH_KEY; a secret that is not there is empty", () => {
    assert.equal(takeGiven({ BUNGEE_SSH_KEY: "", DEPLOY_SSH_KEY: "two" }).key, "two");
    assert.deepEqual(takeGiven({ BUNGEE_SSH_KEY: "", BUNGEE_KNOWN_HOSTS: "" }), {
      key: undefined,
      knownHosts: undefined,
      token: undefined,
    });
  });
});

describe("where ssh finds it", () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "bungee-ci-"));
  });
  after(() => rmSync(directory, { recursive: true }));
  const write = (name: string, text: string) => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };

  const realKey = (name: string) => {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(directory, name)]);
    return readFileSync(join(directory, name), "utf8");
  };

  it("a file wins over a variable", async () => {
    const sshKeyFile = join(directory, "file");
    const key = realKey("file");
    await using login = await openLogin(
      { sshKeyFile, knownHosts: write("known", "file") },
      { key: realKey("variable") },
      { ...ALONE, env: {} },
    );
    assert.equal(readFileSync(login.identityFile!, "utf8"), key);
    assert.notEqual(login.identityFile, sshKeyFile, "a copy, which ssh takes whatever the file's mode is");
    const config = readFileSync(login.configFile, "utf8");
    const known = /^UserKnownHostsFile (.*)$/m.exec(config)![1]!;
    assert.equal(readFileSync(known, "utf8"), "file\n");
  });

  it("for as long as it is needed; then all is as it was", async () => {
    const key = realKey("for a while");
    for (const before of [undefined, "relative/config"]) {
      const env: Record<string, string | undefined> = before ? { BUNGEE_SSH_CONFIG: before } : {};
      const was = { ...env };
      const login = await openLogin(NO_FILES, { key }, { ...ALONE, env });
      assert.equal(env.BUNGEE_SSH_CONFIG, login.configFile);
      const config = readFileSync(login.configFile, "utf8");
      assert.ok(config.includes(before ? `Include "${process.cwd()}/${before}"` : 'Include "/etc/ssh/ssh_config"'));
      await login[Symbol.asyncDispose]();
      assert.deepEqual(env, was);
      assert.ok(!existsSync(login.configFile) && !existsSync(login.identityFile!));
    }
  });

  it("what is no key is refused without being shown, and nothing is left", async () => {
    const failures = [
      [NO_FILES, { key: "c2VjcmV0" }, "BUNGEE_SSH_KEY is not a private key"],
      [NO_FILES, { key: keyOf("c2VjcmV0") }, "BUNGEE_SSH_KEY is not a private key"],
      [NO_FILES, { key: realKey("cut").split("-----END")[0] }, "BUNGEE_SSH_KEY is not a private key"],
      [NO_FILES, { key: keyOf("c2VjcmV0").replaceAll("\n", "\\n") }, "BUNGEE_SSH_KEY is not a private key"],
      [
        { ...NO_FILES, sshKeyFile: write("public", "ssh-ed25519 secret") },
        {},
        "--ssh-key-file .*/public is not a private key",
      ],
      [{ ...NO_FILES, sshKeyFile: join(directory, "nowhere") }, {}, "--ssh-key-file .*/nowhere cannot be read: ENOENT"],
      [{ ...NO_FILES, knownHosts: join(directory, "nowhere") }, {}, "--known-hosts .*/nowhere cannot be read: ENOENT"],
    ] as const;
    for (const [args, given, message] of failures) {
      const env = {};
      const error = await openLogin(args, given, { ...ALONE, env }).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof ConfigurationError, String(error));
      assert.match(error.message, new RegExp(`^${message}$`));
      assert.doesNotMatch(`${error.message}${error.mend}${error.detail}`, /c2VjcmV0|ed25519 secret/);
      assert.deepEqual(env, {});
    }
  });

  for (const [format, flags] of [
    ["OpenSSH's own", []],
    ["PEM", ["-t", "rsa", "-b", "2048", "-m", "PEM"]],
    ["PKCS#8", ["-t", "rsa", "-b", "2048", "-m", "PKCS8"]],
  ] as const)
    it(`a key with a passphrase is refused where nobody can type it: ${format} format`, async () => {
      const file = join(directory, `locked ${format.replaceAll(/\W/g, "")}`);
      execFileSync("ssh-keygen", ["-q", ...flags, "-N", "secret of mine", "-f", file]);
      const key = readFileSync(file, "utf8");
      const env: Record<string, string> = {};
      const error = await openLogin(NO_FILES, { key }, { ...ALONE, env }).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof ConfigurationError, String(error));
      assert.equal(error.message, "BUNGEE_SSH_KEY has a passphrase, and nobody is there to type it");
      assert.match(error.mend, /^give the job a key of its own, without one: ssh-keygen -t ed25519 -N ""/);
      assert.deepEqual(env, {});
      const byFile = openLogin({ ...NO_FILES, sshKeyFile: file }, {}, { ...ALONE, env: {} });
      await assert.rejects(byFile, {
        message: `--ssh-key-file ${file} has a passphrase, and nobody is there to type it`,
      });
      await using login = await openLogin(NO_FILES, { key }, { interactive: true, env: {} });
      assert.equal(readFileSync(login.identityFile!, "utf8"), key);
      execFileSync("ssh-keygen", ["-q", "-p", "-P", "secret of mine", "-N", "", "-f", file]);
      await using unlocked = await openLogin({ ...NO_FILES, sshKeyFile: file }, {}, { ...ALONE, env: {} });
      assert.ok(existsSync(unlocked.identityFile!));
    });
});
