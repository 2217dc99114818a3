import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { HostKeyError, LoginError, UnreachableError } from "../../../src/errors.ts";
import { resolveDestination } from "../../../src/host/destination.ts";
import { NoCommonAlgorithm } from "../../../src/host/ssh2/negotiation.ts";
import { beyondSsh2, worthOpenssh } from "../../../src/host/transport.ts";

const noSsh = spawnSync("ssh", ["-V"]).error
  ? "no ssh here: apt-get install --no-install-recommends openssh-client"
  : false;

/** What a security key's files look like: the key handle is of no device, so that no login can come of it. */
const SK_TYPE = "sk-ssh-ed25519@openssh.com";
const field = (value: string | Buffer) => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(value));
  return Buffer.concat([length, Buffer.from(value)]);
};
const SK_PUBLIC = Buffer.concat([field(SK_TYPE), field(Buffer.alloc(32, 7)), field("ssh:")]);
const SK_PRIVATE = Buffer.concat([
  Buffer.from("openssh-key-v1\0"),
  ...[field("none"), field("none"), field("")],
  Buffer.from([0, 0, 0, 1]),
  field(SK_PUBLIC),
  field(Buffer.alloc(200)),
]);

describe("the transport", { skip: noSsh }, () => {
  let directory: string;
  const path = (name: string) => join(directory, name);
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "bungee-transport-"));
    for (const name of ["id", "signed", "ca"])
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path(name)]);
    execFileSync("ssh-keygen", ["-q", "-s", path("ca"), "-I", "me", path("signed.pub")], { stdio: "ignore" });
    const armour = SK_PRIVATE.toString("base64").replace(/(.{70})/g, "$1\n");
    writeFileSync(path("sk"), `-----BEGIN OPENSSH PRIVATE KEY-----\n${armour}\n-----END OPENSSH PRIVATE KEY-----\n`);
    writeFileSync(path("sk-public"), `${SK_TYPE} ${SK_PUBLIC.toString("base64")} me@desk\n`);
    writeFileSync(path("ticket"), "");
    const ca = readFileSync(path("ca.pub"), "utf8");
    const id = readFileSync(path("id.pub"), "utf8");
    writeFileSync(path("authority"), `@cert-authority *.example ${ca}`);
    writeFileSync(path("both"), `@cert-authority *.example ${ca}web.example ${id}`);
  });
  after(() => rmSync(directory, { recursive: true }));

  const destinationOf = async (...settings: string[]) => {
    const lines = [...settings, "HostName web.example", "IdentityAgent none", `IdentityFile ${path("id")}`];
    const known = settings.some((line) => line.startsWith("UserKnownHostsFile")) ? [] : ["UserKnownHostsFile none"];
    writeFileSync(
      path("config"),
      ["Host web", ...lines, ...known, "GlobalKnownHostsFile none", "Host jump", ...lines.slice(settings.length)].join(
        "\n",
      ),
    );
    return await resolveDestination({ address: "web" }, { configFile: path("config") });
  };
  const reason = async (...settings: string[]) =>
    beyondSsh2(await destinationOf(...settings), { configFile: path("config") });

  const CASES: [what: string, settings: () => string[], reason: RegExp | undefined][] = [
    ["nothing in particular", () => [], undefined],
    [
      "a certificate that is named",
      () => [`CertificateFile ${path("signed-cert.pub")}`],
      /there is a certificate, .*signed-cert\.pub$/,
    ],
    [
      "a certificate beside a key",
      () => [`IdentityFile ${path("signed")}`],
      /there is a certificate, .*signed-cert\.pub$/,
    ],
    ["a certificate that is not there", () => [`CertificateFile ${path("none")}`], undefined],
    ["a security key", () => [`IdentityFile ${path("sk")}`], /\/sk is a security key \(sk-ssh-ed25519@openssh\.com\)$/],
    ["a security key's public half", () => [`IdentityFile ${path("sk-public")}`], /sk-public is a security key/],
    ["a security key after another", () => [`IdentityFile ${path("id")}`, `IdentityFile ${path("sk")}`], undefined],
    ["a key on a card", () => ["PKCS11Provider /usr/lib/opensc-pkcs11.so"], /^ssh_config sets PKCS11Provider$/],
    ["known hosts from elsewhere", () => ["KnownHostsCommand /bin/true"], /sets KnownHostsCommand$/],
    ["keys in the DNS", () => ["VerifyHostKeyDNS yes"], /sets VerifyHostKeyDNS$/],
    ["logins by host", () => ["HostbasedAuthentication yes"], /sets HostbasedAuthentication$/],
    ["a proxy that hands over its socket", () => ["ProxyUseFdpass yes"], /sets ProxyUseFdpass$/],
    ["an interface", () => ["BindInterface lo"], /sets BindInterface$/],
    [
      "only key exchanges that ssh2 has not",
      () => ["KexAlgorithms sntrup761x25519-sha512@openssh.com"],
      /knows as KexAlgorithms: sntrup761/,
    ],
    [
      "some key exchanges that ssh2 has",
      () => ["KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256"],
      undefined,
    ],
    ["only host keys that ssh2 has not", () => [`HostKeyAlgorithms ${SK_TYPE}`], /knows as HostKeyAlgorithms: sk-ssh/],
    ["only MACs that ssh2 has not", () => ["MACs umac-128-etm@openssh.com"], /knows as MACs: umac/],
    [
      "a host known by its authority",
      () => [`UserKnownHostsFile ${path("authority")}`],
      /\/authority:1 knows web\.example by its certificate authority$/,
    ],
    ["a host known by its key, too", () => [`UserKnownHostsFile ${path("both")}`], undefined],
    ["a jump host", () => ["ProxyJump jump"], undefined],
  ];
  for (const [what, settings, expected] of CASES) {
    it(`is ${expected ? "openssh" : "ssh2"} for ${what}`, async () => {
      const found = await reason(...settings());
      if (expected === undefined) assert.equal(found, undefined);
      else assert.match(found ?? "ssh2 would do", expected);
    });
  }

  it("is openssh where the jump host needs it", async () => {
    const destination = await destinationOf("ProxyJump jump");
    const config = readFileSync(path("config"), "utf8").replace("Host jump", `Host jump\nPKCS11Provider /usr/lib/x.so`);
    writeFileSync(path("config"), config);
    assert.equal(
      await beyondSsh2(destination, { configFile: path("config") }),
      "at the jump host jump: ssh_config sets PKCS11Provider",
    );
  });

  for (const [cache, expected] of [
    ["FILE:ticket", true],
    ["ticket", true],
    ["FILE:none", false],
    ["KEYRING:persistent:0", true],
  ] as const) {
    it(`is ${expected ? "openssh" : "ssh2"} for GSSAPI with the ticket cache ${cache}`, async () => {
      const before = process.env.KRB5CCNAME;
      process.env.KRB5CCNAME = cache.replace(/(ticket|none)$/, (name) => path(name));
      try {
        assert.equal(await reason(), undefined, "a ticket alone says nothing");
        const found = await reason("GSSAPIAuthentication yes");
        assert.equal(
          found?.startsWith("GSSAPIAuthentication is on, and there is a Kerberos ticket in") ?? false,
          expected,
        );
      } finally {
        if (before === undefined) delete process.env.KRB5CCNAME;
        else process.env.KRB5CCNAME = before;
      }
    });
  }

  it("is tried again after ssh2 only where ssh may do more", async () => {
    const plain = await destinationOf();
    const withKey = await destinationOf(`IdentityFile ${path("id")}`, `IdentityFile ${path("sk")}`);
    const why = { mend: "" };
    assert.match(
      (await worthOpenssh(plain, new NoCommonAlgorithm("web", "cipher", undefined))) ?? "",
      /no common cipher/,
    );
    assert.match((await worthOpenssh(withKey, new LoginError("refused", why))) ?? "", /is a security key/);
    assert.equal(await worthOpenssh(plain, new LoginError("refused", why)), undefined);
    assert.equal(await worthOpenssh(withKey, new HostKeyError("changed", why)), undefined);
    assert.equal(await worthOpenssh(withKey, new UnreachableError("off", why)), undefined);
  });
});
