import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openLogin, takeGiven } from "../../../src/commands/ci-login.ts";
import { ConfigurationError } from "../../../src/errors.ts";

const keyOf = (name: string) => `-----BEGIN OPENSSH PRIVATE KEY-----\n${name}\n-----END OPENSSH PRIVATE KEY-----\n`;
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

  it("a file wins over a variable", async () => {
    const sshKeyFile = write("key", keyOf("file"));
    await using login = await openLogin(
      { sshKeyFile, knownHosts: write("known", "file") },
      { key: keyOf("variable") },
      {},
    );
    assert.equal(readFileSync(login.identityFile!, "utf8"), keyOf("file"));
    assert.notEqual(login.identityFile, sshKeyFile, "a copy, which ssh takes whatever the file's mode is");
    const config = readFileSync(login.configFile, "utf8");
    const known = /^UserKnownHostsFile (.*)$/m.exec(config)![1]!;
    assert.equal(readFileSync(known, "utf8"), "file\n");
  });

  it("for as long as it is needed; then all is as it was", async () => {
    for (const before of [undefined, "relative/config"]) {
      const env: Record<string, string | undefined> = before ? { BUNGEE_SSH_CONFIG: before } : {};
      const was = { ...env };
      const login = await openLogin(NO_FILES, { key: keyOf("a") }, env);
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
      const error = await openLogin(args, given, env).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof ConfigurationError, String(error));
      assert.match(error.message, new RegExp(`^${message}$`));
      assert.doesNotMatch(`${error.message}${error.mend}${error.detail}`, /c2VjcmV0|ed25519 secret/);
      assert.deepEqual(env, {});
    }
  });
});
