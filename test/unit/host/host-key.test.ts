import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { HostKeyError } from "../../../src/errors.ts";
import { connect } from "../../../src/host/dial.ts";
import { knownHostsLine } from "../../../src/host/known-hosts.ts";
import { noSshd, TestSshd, withSshConfig } from "./sshd.ts";
import { TRANSPORTS } from "./visit.ts";

for (const ssh of TRANSPORTS) {
  describe(`the host's key, by ${ssh}`, { skip: noSshd }, () => {
    let sshd: TestSshd;
    let here: string;
    before(async () => {
      sshd = await TestSshd.start();
      here = `[127.0.0.1]:${sshd.port}`;
      sshd.makeKey("other");
      sshd.makeKey("rsa", "-t", "rsa", "-b", "2048");
    });
    after(() => sshd[Symbol.dispose]());

    const blob = () => Buffer.from(sshd.publicKey("host").split(" ")[1]!, "base64");
    const fingerprint = (key: string) =>
      execFileSync("ssh-keygen", ["-lf", sshd.path(`${key}.pub`)], { encoding: "utf8" }).split(" ")[1]!;

    let files = 0;
    /** What we do with a known_hosts of this text, and which file it was. */
    async function ours(text: string, ...extra: string[]) {
      const file = sshd.path(`kh${++files}`);
      writeFileSync(file, text);
      const notices: string[] = [];
      const config = sshd.hostConfig("web", ...extra, `UserKnownHostsFile ${file}`);
      const result = await withSshConfig(sshd.path(`config${files}`), config, () =>
        connect({ node: "web1", addresses: ["web"], ssh }, { onNotice: (notice) => notices.push(notice) }).then(
          async (connection) => {
            await connection.close();
            return undefined;
          },
          (error: unknown) => error,
        ),
      );
      return { file, notices, error: result };
    }

    /** ssh's own words for its verdict. */
    function theirs(text: string, ...extra: string[]): Promise<string> {
      const file = sshd.path(`kh${++files}`);
      const config = sshd.path(`config${files}`);
      writeFileSync(file, text);
      writeFileSync(
        config,
        sshd.hostConfig("web", ...extra, `UserKnownHostsFile ${file}`, "StrictHostKeyChecking yes"),
      );
      return new Promise((resolve) => {
        execFile("ssh", ["-F", config, "-o", "BatchMode=yes", "web", "true"], (error, _stdout, stderr) => {
          if (!error) resolve("known");
          else if (/REVOKED HOST KEY|revoked by file|in revoked keys file/.test(stderr)) resolve("revoked");
          else if (/IDENTIFICATION HAS CHANGED/.test(stderr)) resolve("changed");
          else if (/host key is known/.test(stderr)) resolve("unknown");
          else resolve(stderr);
        });
      });
    }

    const verdictOf = (error: unknown): string => {
      if (error === undefined) return "known";
      assert.ok(error instanceof HostKeyError, String(error));
      return /has changed/.test(error.message) ? "changed" : /revoked/i.test(error.message) ? "revoked" : "unknown";
    };

    const krl = (key: string): string => {
      execFileSync("ssh-keygen", ["-q", "-k", "-f", sshd.path(`${key}.krl`), sshd.path(`${key}.pub`)]);
      return sshd.path(`${key}.krl`);
    };
    const plain = (name: string, key = "host") => `${name} ${sshd.publicKey(key)}\n`;
    const cases: [name: string, text: () => string, verdict: string, ...extra: (() => string)[]][] = [
      ["no file", () => "", "unknown"],
      ["known", () => plain(here), "known"],
      ["known among others", () => plain("*", "other") + plain(here), "known"],
      ["hashed", () => knownHostsLine(here, blob(), Buffer.alloc(20, 7)), "known"],
      [
        "hashed, other key",
        () => knownHostsLine(here, Buffer.from(sshd.publicKey("other").split(" ")[1]!, "base64"), Buffer.alloc(20, 7)),
        "changed",
      ],
      ["other key", () => plain(here, "other"), "changed"],
      ["key of another type only", () => plain(here, "rsa"), "changed"],
      ["wildcards", () => plain("[127.0.?.*]:*"), "known"],
      ["negated", () => plain(`[127.*]:*,!${here}`), "unknown"],
      ["revoked", () => `@revoked * ${sshd.publicKey("host")}\n${plain(here)}`, "revoked"],
      ["authority only", () => `@cert-authority * ${sshd.publicKey("host")}\n`, "unknown"],
      ["known without the port", () => plain("127.0.0.1"), "known"],
      ["other key without the port", () => plain("127.0.0.1", "other"), "unknown"],
      ["other key with the port, right without", () => plain(here, "other") + plain("127.0.0.1"), "changed"],
      ["CRLF and comments", () => `# mine\r\n\r\n${plain(here).trim()} me@here\r\n`, "known"],
      ["half a key", () => `${here} ${sshd.publicKey("host").slice(0, 50)}\n`, "unknown"],
      ["half another key", () => `${here} ${sshd.publicKey("other").slice(0, 50)}\n`, "unknown"],
      ["an unknown type", () => `${here} ssh-new AAAAB3NzaC1uZXcAAAAAAAAA\n`, "unknown"],
      ["an alias", () => plain("its-alias"), "known", () => "HostKeyAlias its-alias"],
      ["an alias in the way", () => plain(here), "unknown", () => "HostKeyAlias its-alias"],
      [
        "the address has another key",
        () => plain("its-name") + plain(here, "other"),
        "known",
        () => "HostKeyAlias its-name",
        () => "CheckHostIP yes",
      ],
      ["RevokedHostKeys", () => plain(here), "revoked", () => `RevokedHostKeys ${sshd.path("host.pub")}`],
      ["RevokedHostKeys of others", () => plain(here), "known", () => `RevokedHostKeys ${sshd.path("other.pub")}`],
      ["RevokedHostKeys, binary", () => plain(here), "revoked", () => `RevokedHostKeys ${krl("host")}`],
      ["RevokedHostKeys of others, binary", () => plain(here), "known", () => `RevokedHostKeys ${krl("other")}`],
      ["RevokedHostKeys not there", () => plain(here), "revoked", () => "RevokedHostKeys /nowhere"],
    ];
    for (const [name, text, expected, ...extra] of cases) {
      it(`has ssh's verdict: ${name}`, async () => {
        const settings = extra.map((line) => line());
        const [mine, ssh] = await Promise.all([ours(text(), ...settings), theirs(text(), ...settings)]);
        assert.deepEqual({ ours: verdictOf(mine.error), ssh }, { ours: expected, ssh: expected });
      });
    }

    it("is told with its fingerprint and how to get it, when it is unknown", async () => {
      const { error, file } = await ours("");
      assert.ok(error instanceof HostKeyError);
      assert.equal(error.message, `the host key of ${here} is not known`);
      assert.ok(error.detail?.includes(`ssh-ed25519 ${fingerprint("host")}`), error.detail);
      assert.ok(error.detail?.includes(file));
      assert.equal(error.node, "web1");
      const command = /if it is the same: (.*)$/.exec(error.mend)?.[1];
      assert.equal(command, `ssh-keyscan -p ${sshd.port} -t ed25519 127.0.0.1 >> ${file}`);
      execFileSync("sh", ["-c", command], { stdio: "ignore" });
      assert.equal((await ours(readFileSync(file, "utf8"))).error, undefined, "the mend mends it");
    });

    it("names file and line when it changed, and the mend mends it", async () => {
      const { error, file } = await ours(`# a line\n${plain("db")}${plain(here, "other")}`);
      assert.ok(error instanceof HostKeyError);
      assert.equal(error.message, `the host key of ${here} has changed: ${file}:3 knows another`);
      assert.ok(
        error.detail?.includes(fingerprint("host")) && error.detail.includes(fingerprint("other")),
        error.detail,
      );
      const command = /: (ssh-keygen .*)$/.exec(error.mend)?.[1];
      execFileSync("sh", ["-c", command!], { stdio: "ignore" });
      assert.equal((await ours(readFileSync(file, "utf8"))).error, undefined, "the mend mends it");
    });

    it("names file and line when it is revoked", async () => {
      const { error, file } = await ours(`${plain(here)}@revoked * ${sshd.publicKey("host")}\n`);
      assert.ok(error instanceof HostKeyError);
      assert.equal(error.message, `the host key of ${here} is revoked by ${file}:2`);
    });

    it("is checked before anybody tries to log in", async () => {
      const log: string[] = [];
      using loud = await TestSshd.start("LogLevel DEBUG1");
      loud.onLine = (line) => log.push(line);
      const config = loud.hostConfig("web");
      await assert.rejects(
        withSshConfig(loud.path("config"), config, () => connect({ node: "w", addresses: ["web"], ssh })),
        HostKeyError,
      );
      await loud.stopListening();
      assert.ok(
        log.some((line) => /Connection from/.test(line)),
        "the log is the right one",
      );
      assert.deepEqual(
        log.filter((line) => /userauth-request|Accepted|Failed/.test(line)),
        [],
      );
    });

    it("is written down under accept-new, and is known from then on", async () => {
      const first = await ours("# no newline", "StrictHostKeyChecking accept-new");
      assert.equal(first.error, undefined);
      assert.match(first.notices[0]!, /was not known: its key ssh-ed25519 SHA256:.* was accepted/);
      const text = readFileSync(first.file, "utf8");
      assert.equal(text, `# no newline\n${plain(here)}`);
      assert.deepEqual([(await ours(text)).error, await theirs(text)], [undefined, "known"]);
      const second = await ours(text, "StrictHostKeyChecking accept-new");
      assert.deepEqual([second.error, second.notices], [undefined, []]);
    });

    it("is hashed when ssh_config wants that, and in a new file that is private", async () => {
      const file = sshd.path("new/known_hosts");
      const config = sshd.hostConfig(
        "web",
        "StrictHostKeyChecking accept-new",
        "HashKnownHosts yes",
        `UserKnownHostsFile ${file}`,
      );
      await withSshConfig(sshd.path("config"), config, async () => {
        await (await connect({ node: "w", addresses: ["web"], ssh })).close();
      });
      const text = readFileSync(file, "utf8");
      assert.match(text, /^\|1\|/);
      assert.deepEqual([await theirs(text), statSync(file).mode & 0o777], ["known", 0o600]);
    });

    it("is refused when it changed, whatever StrictHostKeyChecking says", async () => {
      for (const strict of ["no", "accept-new"]) {
        const { error } = await ours(plain(here, "other"), `StrictHostKeyChecking ${strict}`);
        assert.equal(verdictOf(error), "changed");
      }
    });

    it("is accepted under `no`, with a notice, even where it cannot be written", async () => {
      const config = sshd.hostConfig("web", "StrictHostKeyChecking no", "UserKnownHostsFile /dev/null/x");
      const notices: string[] = [];
      await withSshConfig(sshd.path("config"), config, async () => {
        await (
          await connect({ node: "w", addresses: ["web"], ssh }, { onNotice: (notice) => notices.push(notice) })
        ).close();
      });
      assert.equal(notices.length, 2);
      assert.match(notices[1]!, /could not be written/);
      assert.ok(!existsSync("/dev/null/x"));
    });

    it("of a known type is asked for, where the host has several", async () => {
      using both = await TestSshd.start();
      both.makeKey("rsa-host", "-t", "rsa", "-b", "2048");
      await both.stopListening();
      both.settings.push(`HostKey ${both.path("rsa-host")}`);
      await both.listen();
      writeFileSync(both.path("known_hosts"), both.knownHost("rsa-host"));
      await withSshConfig(both.path("config"), both.hostConfig("web"), async () => {
        await (await connect({ node: "w", addresses: ["web"], ssh })).close();
      });
    });
  });
}
