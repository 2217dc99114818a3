import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { after, before, describe, it } from "node:test";
import { LoginError } from "../../../../src/errors.ts";
import { noSshd, TestSshd } from "../sshd.ts";
import { failureOver, TRANSPORTS, visitOver } from "../visit.ts";

for (const ssh of TRANSPORTS) {
  const visit = visitOver(ssh);
  const failure = failureOver(ssh);

  describe(`logging in by ${ssh}`, { skip: noSshd }, () => {
    let sshd: TestSshd;
    before(async () => {
      sshd = await TestSshd.start();
      writeFileSync(sshd.path("known_hosts"), sshd.knownHost());
    });
    after(() => sshd[Symbol.dispose]());

    describe("with keys", () => {
      it("says that there is none to offer", async () => {
        const error = await failure(
          sshd,
          sshd.hostConfig("web", "IdentityFile /nowhere").replace(/\n {2}IdentityFile \/tmp.*/, ""),
        );
        assert.ok(error instanceof LoginError);
        assert.equal(error.message, `127.0.0.1 does not let ${sshd.user} in: there is no key to offer`);
        assert.match(error.detail ?? "", /the host accepts: publickey/);
      });

      it("tells which were refused and which could not be offered, and why", async () => {
        sshd.makeKey("wrong");
        sshd.makeKey("locked", "-N", "secret");
        sshd.makeKey("locked-pem", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "secret");
        writeFileSync(sshd.path("broken"), "no key\n", { mode: 0o600 });
        copyFileSync(sshd.path("wrong.pub"), sshd.path("public"));
        const files = ["wrong", "locked", "locked-pem", "broken", "public"].map(
          (name) => `IdentityFile ${sshd.path(name)}`,
        );
        const error = await failure(
          sshd,
          sshd
            .hostConfig("web", ...files, `CertificateFile ${sshd.path("cert")}`)
            .replace(`  IdentityFile ${sshd.path("id")}\n`, ""),
        );
        assert.ok(error instanceof LoginError);
        const said = error.detail?.split("\n") ?? [];
        assert.match(said.pop() ?? "", /^the host accepts: publickey/);
        const [locked, pem] = [sshd.path("locked"), sshd.path("locked-pem")];
        const expected = {
          ssh2: [
            `refused: ${sshd.path("wrong")}`,
            `not offered: ${sshd.path("cert")}: ssh2 cannot log in with certificates`,
            `not offered: ${locked}: has a passphrase, and is not in the agent: ssh-add ${locked}`,
            `not offered: ${pem}: has a passphrase, and is not in the agent: ssh-add ${pem}`,
            `not offered: ${sshd.path("broken")}: Unsupported key format`,
            `not offered: ${sshd.path("public")}: a public key, whose private key is not in the agent`,
          ],
          // ssh asks for no passphrase, and looks for no private key, before the host has said that it would take the key.
          openssh: [
            `refused: ${sshd.path("wrong")}`,
            `refused: ${locked}`,
            `refused: ${pem}`,
            `refused: ${sshd.path("public")}`,
            `Load key "${sshd.path("broken")}": error in libcrypto`,
          ],
        };
        assert.deepEqual(said, expected[ssh]);
      });

      for (const type of [
        ["-t", "rsa", "-b", "2048"],
        ["-t", "ecdsa"],
        ["-t", "rsa", "-b", "2048", "-m", "PEM"],
      ]) {
        it(`of ${type.join(" ")}`, async () => {
          const key = sshd.makeKey("typed", ...type);
          const authorized = readFileSync(sshd.path("authorized"), "utf8");
          writeFileSync(sshd.path("authorized"), authorized + readFileSync(`${key}.pub`, "utf8"));
          assert.match(await visit(sshd, sshd.hostConfig("web", `IdentityFile ${key}`, "IdentitiesOnly yes")), /^web/);
          writeFileSync(sshd.path("authorized"), authorized);
        });
      }

      it("says what to do when the host stops listening after too many", async () => {
        const files = Array.from({ length: 8 }, (_, n) => `IdentityFile ${sshd.makeKey(`wrong${n}`)}`);
        const error = await failure(sshd, sshd.hostConfig("web", ...files));
        assert.ok(error instanceof LoginError);
        assert.match(error.mend, /IdentitiesOnly yes/);
        assert.match(error.detail ?? "", /the host ended it: Too many authentication failures/);
      });
    });

    describe("with an agent", () => {
      let agent: ChildProcess;
      let socket: string;
      const add = (...files: string[]) =>
        execFileSync("ssh-add", ["-q", ...files], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: "ignore" });
      before(async () => {
        socket = sshd.path("agent");
        agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
        while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 10));
      });
      after(() => agent.kill());
      const config = (...extra: string[]) => sshd.hostConfig("web", ...extra, `IdentityAgent ${socket}`);

      it("uses its keys, also where only the public half is a file", async () => {
        const only = sshd.path("only.pub");
        copyFileSync(sshd.path("id.pub"), only);
        add(sshd.path("id"));
        const bare = config().replace(/\n {2}IdentityFile .*/, "");
        assert.match(await visit(sshd, `${bare}\n  IdentityFile ${only}`), /^web/);
        assert.match(await visit(sshd, `${bare}\n  IdentityFile ${only}\n  IdentitiesOnly yes`), /^web/);
        assert.match(await visit(sshd, `${bare}\n  IdentityFile /nowhere`), /^web/);
        const error = await failure(sshd, `${bare}\n  IdentityFile /nowhere\n  IdentitiesOnly yes`);
        assert.match(error.message, /there is no key to offer/);
      });

      it("offers its named keys first, then its others, then files", async () => {
        for (const name of ["in-agent", "named", "file"]) sshd.makeKey(name);
        add("-D");
        add(sshd.path("in-agent"), sshd.path("named"));
        const files = [`IdentityFile ${sshd.path("file")}`, `IdentityFile ${sshd.path("named")}`];
        const error = await failure(sshd, config(...files).replace(`  IdentityFile ${sshd.path("id")}\n`, ""));
        assert.deepEqual(
          error.detail?.split("\n").filter((line) => line.startsWith("refused")),
          [
            `refused: agent: ${ssh === "ssh2" ? "named" : sshd.path("named")}`,
            "refused: agent: in-agent",
            `refused: ${sshd.path("file")}`,
          ],
        );
      });

      it("unlocks a key with a passphrase", async () => {
        add("-D");
        const key = sshd.makeKey("later", "-N", "secret");
        const authorized = readFileSync(sshd.path("authorized"), "utf8");
        writeFileSync(sshd.path("authorized"), readFileSync(`${key}.pub`));
        rmSync(sshd.path("open"), { force: true });
        copyFileSync(key, sshd.path("open"));
        execFileSync("ssh-keygen", ["-q", "-p", "-P", "secret", "-N", "", "-f", sshd.path("open")], {
          stdio: "ignore",
        });
        const file = `IdentityFile ${key}`;
        assert.match((await failure(sshd, config(file))).detail ?? "", /has a passphrase/);
        add(sshd.path("open"));
        assert.match(await visit(sshd, config(file)), /^web/);
        writeFileSync(sshd.path("authorized"), authorized);
      });

      it("that is not there is told, and files are offered still", async () => {
        assert.match(await visit(sshd, sshd.hostConfig("web", "IdentityAgent /nowhere/agent")), /^web/);
        const error = await failure(
          sshd,
          sshd
            .hostConfig("web", "IdentityAgent /nowhere/agent", `IdentityFile ${sshd.makeKey("wrong")}`)
            .replace(`  IdentityFile ${sshd.path("id")}\n`, ""),
        );
        assert.match(error.detail ?? "", /not offered: agent at \/nowhere\/agent: /);
      });

      // ssh waits for it, and ssh's time ends with the login's.
      if (ssh === "ssh2")
        it("that hangs is told, and files are offered still", async () => {
          const path = sshd.path("hanging");
          const hanging = createServer((asked) => asked.on("error", () => {}).unref()).listen(path);
          await once(hanging, "listening");
          hanging.unref();
          const asks = `IdentityAgent ${path}`;
          assert.match(await visit(sshd, sshd.hostConfig("web", asks), {}, { timeoutMs: 60_000 }), /^web/);
          const wrong = sshd.hostConfig("web", asks, `IdentityFile ${sshd.makeKey("stranger")}`);
          const own = `  IdentityFile ${sshd.path("id")}\n`;
          const error = await failure(sshd, wrong.replace(own, ""), {}, { timeoutMs: 60_000 });
          assert.match(error.detail ?? "", new RegExp(`not offered: agent at ${path}: no answer within 3 s`));
          hanging.close();
        });
    });
  });
}
