import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { LoginError } from "../../../src/errors.ts";
import { dialer } from "../../../src/host/dial.ts";
import { Secrets } from "../../../src/host/secrets.ts";
import { noSshd, TestSshd, withSshConfig } from "./sshd.ts";
import { failure, visit } from "./visit.ts";

describe("a key with a passphrase", { skip: noSshd }, () => {
  let sshd: TestSshd;
  before(async () => {
    sshd = await TestSshd.start();
    writeFileSync(sshd.path("known_hosts"), sshd.knownHost());
  });
  after(() => sshd[Symbol.dispose]());

  /** A key that alone opens the host. */
  const onlyKey = (name: string, ...args: string[]) => {
    const key = sshd.makeKey(name, "-N", "pass phrase", ...args);
    writeFileSync(sshd.path("authorized"), readFileSync(`${key}.pub`));
    return key;
  };
  const config = (...files: string[]) =>
    sshd
      .hostConfig("web", ...files.map((file) => `IdentityFile ${file}`))
      .replace(`  IdentityFile ${sshd.path("id")}\n`, "");

  function person(...answers: (string | null)[]) {
    const questions: string[] = [];
    const prompt = async (question: string) => {
      questions.push(question);
      const answer = answers.shift();
      assert.ok(answer !== undefined, `nobody expected: ${question}`);
      return answer === null ? null : Buffer.from(answer);
    };
    return { questions, secrets: new Secrets({ prompt }) };
  }

  for (const type of [
    ["-t", "ed25519"],
    ["-t", "rsa", "-b", "2048"],
    ["-t", "ecdsa", "-Z", "aes256-gcm@openssh.com"],
    ["-t", "rsa", "-b", "2048", "-m", "PEM"],
    ["-t", "ecdsa", "-m", "PEM"],
    ["-t", "rsa", "-b", "2048", "-m", "PKCS8"],
    ["-t", "ecdsa", "-m", "PKCS8"],
  ]) {
    for (const half of ["with", "without"]) {
      it(`of ${type.join(" ")}, ${half} its public half beside it`, async () => {
        const key = onlyKey("typed", ...type);
        if (half === "without") rmSync(`${key}.pub`);
        const { questions, secrets } = person("pass phrase");
        assert.match(await visit(sshd, config(key), { ssh: "ssh2" }, { secrets }), /^web/);
        assert.deepEqual(questions, [`Passphrase of ${key}: `]);
      });
    }
  }

  it("is asked for once for many hosts, and connections", async () => {
    const key = onlyKey("once");
    const { questions, secrets } = person("pass phrase");
    await withSshConfig(sshd.path("config"), config(key), async () => {
      const connect = dialer();
      const connections = await Promise.all(
        ["web1", "web2", "web3"].map((node) => connect({ node, addresses: ["web"], ssh: "ssh2" }, { secrets })),
      );
      connections.push(await connect({ node: "web1", addresses: ["web"], ssh: "ssh2" }, { secrets }));
      await Promise.all(connections.map((connection) => connection.close()));
    });
    assert.equal(questions.length, 1);
  });

  it("may take a person longer than the host may take to answer", async () => {
    const key = onlyKey("slow");
    const prompt = async () => {
      await new Promise((resolve) => setTimeout(resolve, 7000));
      return Buffer.from("pass phrase");
    };
    using secrets = new Secrets({ prompt });
    assert.match(await visit(sshd, config(key), { ssh: "ssh2" }, { secrets, timeoutMs: 6000 }), /^web/);
  });

  it("is asked for again when it is wrong, and then is one clear error", async () => {
    const key = onlyKey("wrong");
    const good = person("a", "b", "pass phrase");
    assert.match(await visit(sshd, config(key), { ssh: "ssh2" }, { secrets: good.secrets }), /^web/);
    assert.deepEqual(good.questions, [
      `Passphrase of ${key}: `,
      `Wrong. Passphrase of ${key}: `,
      `Wrong. Passphrase of ${key}: `,
    ]);
    const bad = person("hunter1", "hunter2", "hunter3");
    for (let n = 0; n < 2; n++) {
      const error = await failure(sshd, config(key), { ssh: "ssh2" }, { secrets: bad.secrets });
      assert.ok(error instanceof LoginError);
      assert.match(
        error.detail ?? "",
        new RegExp(`not offered: ${key}: has a passphrase, and the ones given were wrong`),
      );
      assert.doesNotMatch(JSON.stringify(error) + error.stack + error.detail, /hunter/);
    }
    assert.equal(bad.questions.length, 3);
  });

  it("opens a jump host, too", async () => {
    const key = onlyKey("jump");
    const { questions, secrets } = person("pass phrase");
    const only = (text: string) => text.replace(`  IdentityFile ${sshd.path("id")}\n`, "");
    const hop = only(sshd.hostConfig("hop", `IdentityFile ${key}`));
    const web = only(sshd.hostConfig("web", "ProxyJump hop", `IdentityFile ${key}`));
    assert.match(await visit(sshd, `${hop}\n${web}`, { ssh: "ssh2" }, { secrets }), /^web/);
    assert.equal(questions.length, 1);
  });

  it("is left alone when a person does not answer; other keys are offered still", async () => {
    const key = onlyKey("refused");
    writeFileSync(
      sshd.path("authorized"),
      readFileSync(`${key}.pub`, "utf8") + readFileSync(sshd.path("id.pub"), "utf8"),
    );
    const { questions, secrets } = person(null);
    assert.match(await visit(sshd, config(key, sshd.path("id")), { ssh: "ssh2" }, { secrets }), /^web/);
    assert.equal(questions.length, 1);
  });

  it("is not asked for where the host would not take the key", async () => {
    const key = onlyKey("unknown");
    writeFileSync(sshd.path("authorized"), readFileSync(sshd.path("id.pub")));
    const { questions, secrets } = person();
    assert.match(await visit(sshd, config(key, sshd.path("id")), { ssh: "ssh2" }, { secrets }), /^web/);
    assert.deepEqual(questions, []);
  });

  it("is not asked for where nobody is there, and the mend names the agent", async () => {
    const key = onlyKey("alone");
    const error = await failure(sshd, config(key), { ssh: "ssh2" }, { secrets: new Secrets() });
    assert.match(error.detail ?? "", new RegExp(`${key}: has a passphrase, and is not in the agent: ssh-add ${key}`));
    assert.match(error.mend, /at a terminal/);
  });

  describe("that the agent has", () => {
    let agent: ChildProcess;
    before(async () => {
      agent = spawn("ssh-agent", ["-D", "-a", sshd.path("agent")], { stdio: "ignore" });
      while (!existsSync(sshd.path("agent"))) await new Promise((resolve) => setTimeout(resolve, 10));
    });
    after(() => agent.kill());

    it("is not asked for, though its public half stands only inside the locked file", async () => {
      const key = onlyKey("held");
      copyFileSync(key, sshd.path("open"));
      execFileSync("ssh-keygen", ["-q", "-p", "-P", "pass phrase", "-N", "", "-f", sshd.path("open")], {
        stdio: "ignore",
      });
      execFileSync("ssh-add", ["-q", sshd.path("open")], {
        env: { ...process.env, SSH_AUTH_SOCK: sshd.path("agent") },
        stdio: "ignore",
      });
      rmSync(`${key}.pub`);
      const { questions, secrets } = person();
      const withAgent = config(key).replace("IdentityAgent none", `IdentityAgent ${sshd.path("agent")}`);
      const target = { ssh: "ssh2" } as const;
      assert.match(await visit(sshd, `${withAgent}\n  IdentitiesOnly yes`, target, { secrets }), /^web/);
      assert.deepEqual(questions, []);
    });
  });
});
