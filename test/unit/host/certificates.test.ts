import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { HostKeyError, LoginError } from "../../../src/errors.ts";
import { freePort, noSshd, TestSshd } from "./sshd.ts";
import { failure, visit } from "./visit.ts";

/** Ways of SSH that ssh2 does not know: they go through openssh by themselves. */
describe("certificates", { skip: noSshd }, () => {
  let sshd: TestSshd;
  before(async () => {
    sshd = await TestSshd.start();
    for (const name of ["host-ca", "user-ca", "stranger-ca"]) sshd.makeKey(name);
  });
  after(() => sshd[Symbol.dispose]());

  describe("of a host", () => {
    before(async () => {
      await sshd.stopListening();
      sshd.sign("host", "host-ca", "-h", "-n", "web.example,127.0.0.1");
      sshd.settings.push(`HostCertificate ${sshd.path("host-cert.pub")}`);
      await sshd.listen();
    });
    const trusting = (ca: string) => {
      writeFileSync(sshd.path("known_hosts"), `@cert-authority * ${sshd.publicKey(ca)}\n`);
      return sshd.hostConfig("web");
    };

    it("are checked, and ssh2 is not even tried", async () => {
      const notices: string[] = [];
      const config = trusting("host-ca");
      assert.match(await visit(sshd, config, {}, { onNotice: (line) => notices.push(line) }), /^web /);
      assert.equal(
        notices.join(),
        `web is reached by ssh itself: ${sshd.path("known_hosts")}:1 knows [127.0.0.1]:${sshd.port} by its certificate authority`,
      );
      const error = await failure(sshd, config, { ssh: "ssh2" });
      assert.ok(error instanceof HostKeyError);
      assert.match(error.message, /trusts a certificate authority, and the host shows no certificate of it/);
    });

    it("of another authority are worth nothing", async () => {
      const error = await failure(sshd, trusting("stranger-ca"));
      assert.ok(error instanceof HostKeyError);
      assert.match(error.message, /^the host key of \[127\.0\.0\.1\]:\d+ is not known; .*:1 trusts a certificate/);
      assert.match(error.detail ?? "", /the host shows ssh-ed25519 SHA256:/);
    });

    it("of a revoked authority are refused", async () => {
      const config = trusting("host-ca");
      writeFileSync(
        sshd.path("known_hosts"),
        `@cert-authority * ${sshd.publicKey("host-ca")}\n@revoked * ${sshd.publicKey("host-ca")}\n`,
      );
      const error = await failure(sshd, config);
      assert.ok(error instanceof HostKeyError, error.message);
    });

    for (const [what, ...args] of [
      ["for other names", "-n", "db.example"],
      ["of the past", "-n", "127.0.0.1", "-V", "20200101:20200102"],
    ] as [string, ...string[]][]) {
      it(`${what} are refused, in ssh's words`, async () => {
        using other = await TestSshd.start();
        for (const file of ["host-ca", "host-ca.pub"])
          writeFileSync(other.path(file), await import("node:fs").then((fs) => fs.readFileSync(sshd.path(file))), {
            mode: 0o600,
          });
        await other.stopListening();
        other.settings.push(`HostCertificate ${other.sign("host", "host-ca", "-h", ...args)}`);
        await other.listen();
        writeFileSync(other.path("known_hosts"), `@cert-authority * ${other.publicKey("host-ca")}\n`);
        const error = await failure(other, other.hostConfig("web"));
        assert.ok(error instanceof HostKeyError, error.message);
        assert.match(error.message, /ssh does not trust the host key of 127\.0\.0\.1/);
        assert.match(error.detail ?? "", /Certificate invalid: (name is not a listed principal|expired)/);
      });
    }

    it("are asked for when the host shows nothing else", async () => {
      using strict = await TestSshd.start();
      strict.makeKey("ca");
      await strict.stopListening();
      strict.settings.push(
        `HostCertificate ${strict.sign("host", "ca", "-h", "-n", "127.0.0.1")}`,
        "HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com",
      );
      await strict.listen();
      // The plain key is known as well: only the negotiation tells that ssh2 will not do.
      const authority = `@cert-authority * ${strict.publicKey("ca")}\n`;
      writeFileSync(strict.path("known_hosts"), strict.knownHost() + authority);
      const notices: string[] = [];
      assert.match(
        await visit(strict, strict.hostConfig("web"), {}, { onNotice: (line) => notices.push(line) }),
        /^web /,
      );
      assert.equal(notices.join(), "web is reached by ssh itself: 127.0.0.1 and bungee know no common host key format");
    });
  });

  describe("of a user", () => {
    let host: TestSshd;
    before(async () => {
      host = await TestSshd.start();
      host.makeKey("ca");
      host.makeKey("me");
      await host.stopListening();
      host.settings.push(`TrustedUserCAKeys ${host.path("ca.pub")}`);
      await host.listen();
      writeFileSync(host.path("known_hosts"), host.knownHost());
    });
    after(() => host[Symbol.dispose]());
    const config = (...extra: string[]) =>
      host.hostConfig("web", ...extra).replace(`\n  IdentityFile ${host.path("id")}`, "");
    const me = () => `IdentityFile ${host.path("me")}`;

    it("log in, found beside the key or named", async () => {
      rmSync(host.path("me-cert.pub"), { force: true });
      assert.ok((await failure(host, config(me()))) instanceof LoginError);
      const certificate = host.sign("me", "ca", "-n", host.user);
      assert.match(await visit(host, config(me())), /^web /);
      assert.match(await visit(host, config(me(), `CertificateFile ${certificate}`)), /^web /);
      assert.ok((await failure(host, config(me()), { ssh: "ssh2" })) instanceof LoginError);
    });

    it("for another user are refused, and the error says what was offered", async () => {
      host.sign("me", "ca", "-n", "somebody-else");
      const error = await failure(host, config(me()));
      assert.ok(error instanceof LoginError);
      assert.match(error.detail ?? "", new RegExp(`refused: ${host.path("me")}`));
    });
  });
});

describe("a host with only algorithms that ssh2 does not have", { skip: noSshd }, () => {
  const PQ = "sntrup761x25519-sha512@openssh.com";
  let sshd: TestSshd;
  before(async () => {
    sshd = await TestSshd.start(`KexAlgorithms ${PQ}`);
    writeFileSync(sshd.path("known_hosts"), sshd.knownHost());
  });
  after(() => sshd[Symbol.dispose]());

  it("is reached by openssh, after one try of ssh2, and without one from then on", async () => {
    const { dialer } = await import("../../../src/host/dial.ts");
    const { withSshConfig } = await import("./sshd.ts");
    const log: string[] = [];
    const notices: string[] = [];
    sshd.onLine = (line) => log.push(line);
    const tried = () => log.splice(0).filter((line) => /no matching key exchange method/.test(line)).length;
    await withSshConfig(sshd.path("config"), sshd.hostConfig("web"), async () => {
      const connect = dialer();
      const target = { node: "web1", addresses: ["web"] } as const;
      for (const expected of [1, 0]) {
        const connection = await connect(target, { onNotice: (line) => notices.push(line) });
        assert.equal((await connection.run({ argv: ["echo", "hello"] })).stdout, "hello\n");
        await connection.close();
        assert.equal(tried(), expected);
      }
    });
    assert.deepEqual(notices, ["web is reached by ssh itself: 127.0.0.1 and bungee know no common key exchange"]);
  });

  it("is an error, with the mend, where ssh2 alone may be used", async () => {
    const error = await failure(sshd, sshd.hostConfig("web"), { ssh: "ssh2" });
    assert.ok(error instanceof LoginError);
    assert.match(error.message, /know no common key exchange/);
    assert.match(error.mend, /--ssh openssh/);
  });

  it("is one error that tells of both, when ssh cannot, either", async () => {
    const error = await failure(sshd, sshd.hostConfig("web", "KexAlgorithms curve25519-sha256"));
    assert.ok(error instanceof LoginError);
    assert.match(
      error.message,
      /^127\.0\.0\.1 and bungee know no common key exchange method \(that was ssh; ssh2 before it: 127\.0\.0\.1 and bungee know no common key exchange\)$/,
    );
    assert.match(error.detail ?? "", new RegExp(`the host offers: ${PQ}`));
  });

  it("is known to need openssh where ssh_config says so", async () => {
    const notices: string[] = [];
    const config = sshd.hostConfig("web", `KexAlgorithms ${PQ}`);
    assert.match(await visit(sshd, config, {}, { onNotice: (line) => notices.push(line) }), /^web /);
    assert.match(notices.join(), /ssh_config allows nothing that ssh2 knows as KexAlgorithms: sntrup761/);
    assert.equal(
      await freePort()
        .then((port) => failure(sshd, sshd.hostConfig("web", `Port ${port}`)))
        .then((e) => e.code),
      "unreachable",
    );
  });
});
