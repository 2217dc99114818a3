import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ConfigurationError } from "../../../src/errors.ts";
import { SSH_OPTIONS } from "../../../src/fleet/schema.ts";
import { parseHop, type Query, resolveDestination, sshWords } from "../../../src/host/destination.ts";

const noSsh = spawnSync("ssh", ["-V"]).error
  ? "no ssh here: apt-get install --no-install-recommends openssh-client"
  : false;

describe("a destination, by ssh -G", { skip: noSsh }, () => {
  let directory: string;
  let file: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "bungee-dest-"));
    file = join(directory, "config");
  });
  after(() => rmSync(directory, { recursive: true }));

  const resolve = (config: string, query: Query) => {
    writeFileSync(file, config);
    return resolveDestination(query, { configFile: file });
  };

  it("has ssh's defaults, and a keepalive of its own", async () => {
    const destination = await resolve("", { address: "web.example" });
    assert.deepEqual(
      [destination.address, destination.hostname, destination.port, destination.user],
      ["web.example", "web.example", 22, userInfo().username],
    );
    assert.deepEqual(destination.keepalive, { intervalMs: 5000, count: 3 });
    assert.equal(destination.hostKeys.strict, "yes");
    assert.ok(destination.hostKeys.userFiles.includes(join(homedir(), ".ssh/known_hosts")));
    assert.ok(destination.hostKeys.globalFiles.includes("/etc/ssh/ssh_known_hosts"));
    assert.ok(destination.identityFiles.includes(join(homedir(), ".ssh/id_ed25519")));
    assert.deepEqual(
      [destination.jump, destination.proxyCommand, destination.connectTimeoutMs],
      [undefined, undefined, undefined],
    );
    assert.equal(destination.agent, process.env.SSH_AUTH_SOCK || undefined);
  });

  const SAMPLES: Readonly<Record<string, string>> = {
    AddressFamily: "inet6",
    BindAddress: "127.0.0.2",
    BindInterface: "lo",
    CertificateFile: "/tmp/cert.pub",
    Ciphers: "aes256-ctr",
    Compression: "yes",
    ConnectTimeout: "7",
    HostKeyAlgorithms: "ssh-ed25519",
    HostKeyAlias: "its-name",
    IdentitiesOnly: "yes",
    IdentityAgent: "/tmp/agent.sock",
    KexAlgorithms: "curve25519-sha256",
    MACs: "hmac-sha2-256",
    ProxyJump: "me@bastion:2222",
    ServerAliveCountMax: "9",
    ServerAliveInterval: "9",
  };
  for (const option of SSH_OPTIONS) {
    it(`honours ${option} as a node's own, over ssh_config`, async () => {
      const value = SAMPLES[option]!;
      const plain = await resolve("", { address: "web" });
      const byConfig = await resolve(`${option} ${value}`, { address: "web" });
      const own = await resolve("", { address: "web", sshOptions: { [option]: value } });
      assert.notDeepEqual(own, plain);
      assert.deepEqual(own, byConfig);
    });
  }

  it("a node's own options win over ssh_config, and are not its jump host's", async () => {
    const { connectTimeoutMs, jump } = await resolve("ConnectTimeout 5\nProxyJump none", {
      address: "web",
      sshOptions: { ConnectTimeout: "20", ProxyJump: "bastion" },
    });
    assert.deepEqual([connectTimeoutMs, jump?.host.address], [20_000, "bastion"]);
    assert.ok(!sshWords({ ...jump!.host, jump: jump?.before }, {}).some((word) => word.startsWith("ConnectTimeout")));
  });

  it("takes what ssh_config says", async () => {
    const destination = await resolve(
      `Host web
         HostName 10.0.0.1
         Port 2222
         User deploy
         IdentityFile ~/.ssh/%h_%r
         IdentityFile "${directory}/with space"
         IdentitiesOnly yes
         CertificateFile ${directory}/cert
         UserKnownHostsFile ${directory}/one "${directory}/t w o"
         GlobalKnownHostsFile none
         RevokedHostKeys ${directory}/revoked
         HostKeyAlias its-name
         StrictHostKeyChecking accept-new
         HashKnownHosts yes
         CheckHostIP yes
         ConnectTimeout 7
         ServerAliveInterval 20
         ServerAliveCountMax 2
         Compression yes
         AddressFamily inet6
         IdentityAgent ${directory}/agent.sock
         Ciphers aes256-ctr,aes128-gcm@openssh.com`,
      { address: "web" },
    );
    assert.deepEqual(
      { ...destination, algorithms: destination.algorithms.cipher },
      {
        address: "web",
        hostname: "10.0.0.1",
        port: 2222,
        user: "deploy",
        identityFiles: [join(homedir(), ".ssh/10.0.0.1_deploy"), `${directory}/with space`],
        certificateFiles: [`${directory}/cert`],
        identitiesOnly: true,
        agent: `${directory}/agent.sock`,
        hostKeys: {
          alias: "its-name",
          userFiles: [`${directory}/one`, `${directory}/t w o`],
          globalFiles: [],
          revokedFile: `${directory}/revoked`,
          strict: "accept-new",
          hash: true,
          checkIp: true,
        },
        jump: undefined,
        proxyCommand: undefined,
        connectTimeoutMs: 7000,
        keepalive: { intervalMs: 20_000, count: 2 },
        compression: true,
        addressFamily: 6,
        bindAddress: undefined,
        opensshOnly: [],
        gssapi: false,
        algorithms: ["aes256-ctr", "aes128-gcm@openssh.com"],
      },
    );
  });

  it("lets the node's own settings win", async () => {
    const identityFile = join(directory, "key");
    writeFileSync(identityFile, "");
    const destination = await resolve("Host web\n  Port 1\n  User nobody\n", {
      address: "web",
      user: "deploy",
      port: 2022,
      identityFile,
    });
    assert.deepEqual(
      [destination.user, destination.port, destination.identityFiles[0]],
      ["deploy", 2022, identityFile],
    );
  });

  it("reads chains of jump hosts", async () => {
    const destination = await resolve("Host web\n  ProxyJump a@one:2222,[::2]:33,three\n", { address: "web" });
    assert.deepEqual(destination.jump, {
      host: { address: "three", user: undefined, port: undefined },
      before: "a@one:2222,[::2]:33",
    });
    const hop = await resolve("", { ...destination.jump!.host, jump: destination.jump!.before });
    assert.deepEqual(hop.jump, { host: { address: "::2", user: undefined, port: 33 }, before: "a@one:2222" });
  });

  it("fills in a ProxyCommand", async () => {
    const destination = await resolve("Host web\n  HostName h\n  User u\n  ProxyCommand nc %h %p %% %n %r\n", {
      address: "web",
    });
    assert.equal(destination.proxyCommand, "nc h 22 % web u");
    assert.equal((await resolve("Host web\n  ProxyCommand none\n", { address: "web" })).proxyCommand, undefined);
  });

  it("knows the agents that ssh knows", async () => {
    const agent = async (value: string) => (await resolve(`IdentityAgent ${value}\n`, { address: "web" })).agent;
    process.env.BUNGEE_TEST_AGENT = "/run/agent";
    try {
      assert.deepEqual(
        [
          await agent("none"),
          await agent("$BUNGEE_TEST_AGENT"),
          // biome-ignore lint/suspicious/noTemplateCurlyInString: as ssh_config has it
          await agent("${BUNGEE_TEST_AGENT}"),
          await agent("~/a"),
        ],
        [undefined, "/run/agent", "/run/agent", join(homedir(), "a")],
      );
    } finally {
      delete process.env.BUNGEE_TEST_AGENT;
    }
  });

  const hostile = [
    "",
    "-oProxyCommand=id",
    "a b",
    "a\nb",
    "a\tb",
    "a;b",
    "$(id)",
    "`id`",
    "a'b",
    "u@h",
    "ssh://h",
    "a/b",
    "a,b",
    "h\0",
  ];
  for (const address of hostile) {
    it(`refuses the address ${JSON.stringify(address)} before ssh sees it`, async () => {
      await assert.rejects(resolveDestination({ address }, { configFile: "/nowhere" }), (error) => {
        assert.ok(error instanceof ConfigurationError);
        assert.ok(error.message.includes(JSON.stringify(address)));
        return true;
      });
    });
  }
  for (const user of ["", "-l", "a b", "a;b", "$(id)", "a\\"]) {
    it(`refuses the user ${JSON.stringify(user)}`, () =>
      assert.rejects(resolveDestination({ address: "web", user }, { configFile: "/nowhere" }), ConfigurationError));
  }
  for (const port of [0, -1, 1.5, 65536, Number.NaN]) {
    it(`refuses the port ${port}`, () =>
      assert.rejects(resolveDestination({ address: "web", port }, { configFile: "/nowhere" }), ConfigurationError));
  }

  it("runs nothing that a hostile identity file names", async () => {
    const trap = join(directory, "trap");
    await resolve("", { address: "web", identityFile: `-oProxyCommand=touch ${trap}` });
    await resolve("", { address: "web", identityFile: `$(touch ${trap})` });
    assert.ok(!existsSync(trap));
  });

  it("says what ssh says of a broken ssh_config", async () => {
    await assert.rejects(resolve("Host web\n  Nonsense yes\n", { address: "web" }), (error) => {
      assert.ok(error instanceof ConfigurationError);
      assert.match(error.detail ?? "", /config:? line 2: .*nonsense/i);
      return true;
    });
  });
});

describe("a jump host", () => {
  for (const [text, hop] of [
    ["host", { address: "host", user: undefined, port: undefined }],
    ["me@host:22", { address: "host", user: "me", port: 22 }],
    ["[::1]:22", { address: "::1", user: undefined, port: 22 }],
    ["ssh://me@host:22", { address: "host", user: "me", port: 22 }],
  ] as const) {
    it(text, () => assert.deepEqual(parseHop(text), hop));
  }
  for (const text of ["", "@", "a:b", "a:1:2"]) {
    it(`is refused: ${JSON.stringify(text)}`, () => assert.throws(() => parseHop(text), ConfigurationError));
  }
});
