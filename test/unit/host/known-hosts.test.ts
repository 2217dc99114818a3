import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  entriesFor,
  hostPattern,
  judge,
  knownHostsLine,
  parseKnownHosts,
  typeOfKey,
} from "../../../src/host/known-hosts.ts";

// Made for this test; nobody has the private halves.
const ED25519 = "AAAAC3NzaC1lZDI1NTE5AAAAICHkUA+pDBzDNr2lM6fdzpKUeKvmpFDJ4spBzSNgF2MQ";
const OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAILvDVyN8WJ6a6Vt8tIVOWMqdLhXWHPGGVnrJzZtzfPTF";
const ECDSA =
  "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBBJH7EhySkCXAE3eyOTXVvvLGCNMKPsNpGRIPTwRlhDVc/ZFYsQ/OZ4zVh3xmBUx7mzOzkkzKOVOt+gLWjDwgwk=";
const key = Buffer.from(ED25519, "base64");
const hashed = (host: string) => knownHostsLine(host, key, Buffer.from("0123456789abcdefghij")).trim();

function verdict(text: string, host = "web.example", port = 22): string {
  const bytes = Buffer.from(text).toString("latin1");
  const entries = entriesFor(parseKnownHosts({ file: "kh", text: bytes }), hostPattern(host, port));
  const found = judge(entries, key);
  return "entry" in found ? `${found.kind} ${found.entry.file}:${found.entry.line}` : found.kind;
}

describe("the verdict of known_hosts", () => {
  const table: [name: string, text: string, verdict: string, host?: string, port?: number][] = [
    ["nothing", "", "unknown"],
    ["the key", `web.example ssh-ed25519 ${ED25519}`, "known kh:1"],
    ["a comment behind it", `web.example ssh-ed25519 ${ED25519} root@web`, "known kh:1"],
    ["tabs and spaces", `  web.example\t ssh-ed25519\t${ED25519}  `, "known kh:1"],
    ["CRLF", `# mine\r\n\r\nweb.example ssh-ed25519 ${ED25519}\r\n`, "known kh:3"],
    ["another case", `WEB.Example ssh-ed25519 ${ED25519}`, "known kh:1", "Web.EXAMPLE"],
    ["another key", `web.example ssh-ed25519 ${OTHER}`, "changed kh:1"],
    ["another type only", `web.example ecdsa-sha2-nistp256 ${ECDSA}`, "changed kh:1"],
    ["another key first", `web.example ssh-ed25519 ${OTHER}\nweb.example ssh-ed25519 ${ED25519}`, "known kh:2"],
    [
      "the line of the same type is named",
      `web.example ecdsa-sha2-nistp256 ${ECDSA}\nweb.example ssh-ed25519 ${OTHER}`,
      "changed kh:2",
    ],
    ["another host", `db.example ssh-ed25519 ${ED25519}`, "unknown"],
    ["a longer name", `web.example.org ssh-ed25519 ${ED25519}`, "unknown"],
    ["a dot is a dot", `webxexample ssh-ed25519 ${ED25519}`, "unknown"],
    ["a list", `10.0.0.1,web.example,db ssh-ed25519 ${ED25519}`, "known kh:1"],
    ["a star", `*.example ssh-ed25519 ${ED25519}`, "known kh:1"],
    ["question marks", `w??.example ssh-ed25519 ${ED25519}`, "known kh:1"],
    ["negated", `*.example,!web.example ssh-ed25519 ${ED25519}`, "unknown"],
    ["negated by pattern", `!w*,web.example ssh-ed25519 ${ED25519}`, "unknown"],
    ["another is negated", `*.example,!db.example ssh-ed25519 ${ED25519}`, "known kh:1"],
    ["only negated", `!db.example ssh-ed25519 ${ED25519}`, "unknown"],
    ["a port", `[web.example]:2222 ssh-ed25519 ${ED25519}`, "known kh:1", "web.example", 2222],
    ["another port", `[web.example]:2223 ssh-ed25519 ${ED25519}`, "unknown", "web.example", 2222],
    ["a port, and none here", `[web.example]:2222 ssh-ed25519 ${ED25519}`, "unknown"],
    ["a star for the port", `[*.example]:* ssh-ed25519 ${ED25519}`, "known kh:1", "web.example", 2222],
    ["hashed", hashed("web.example"), "known kh:1"],
    ["hashed with a port", hashed("[web.example]:2222"), "known kh:1", "web.example", 2222],
    ["hashed, another host", hashed("db.example"), "unknown"],
    ["hashed badly", `|1|x ssh-ed25519 ${ED25519}\n|2|a|b ssh-ed25519 ${ED25519}`, "unknown"],
    ["revoked", `@revoked web.example ssh-ed25519 ${ED25519}`, "revoked kh:1"],
    [
      "revoked and known",
      `web.example ssh-ed25519 ${ED25519}\n@revoked *.example ssh-ed25519 ${ED25519}`,
      "revoked kh:2",
    ],
    ["another is revoked", `@revoked * ssh-ed25519 ${OTHER}\nweb.example ssh-ed25519 ${ED25519}`, "known kh:2"],
    ["revoked elsewhere", `@revoked db ssh-ed25519 ${ED25519}`, "unknown"],
    ["an authority only", `@cert-authority * ssh-ed25519 ${OTHER}`, "unknown"],
    ["an authority's own key", `@cert-authority * ssh-ed25519 ${ED25519}`, "unknown"],
    ["an unknown marker", `@trusted web.example ssh-ed25519 ${ED25519}`, "unknown"],
    ["no key", "web.example ssh-ed25519", "unknown"],
    ["half a key", `web.example ssh-ed25519 ${ED25519.slice(0, 40)}`, "unknown"],
    ["a key of another type than named", `web.example ssh-rsa ${ED25519}`, "unknown"],
    ["base64 with more behind it", `web.example ssh-ed25519 ${ED25519}*`, "unknown"],
    ["base64 with a dot in it", `web.example ssh-ed25519 ${ED25519.slice(0, 30)}.${ED25519.slice(30)}`, "unknown"],
    ["base64 with padding that it needs not", `web.example ssh-ed25519 ${ED25519}=`, "unknown"],
    ["a hash with more behind it", hashed("web.example").replace(" ", ", "), "unknown"],
    ["a byte order mark", `\ufeffweb.example ssh-ed25519 ${ED25519}`, "unknown"],
    ["a blank that is none to OpenSSH", `\u00a0web.example ssh-ed25519 ${ED25519}`, "unknown"],
    ["a vertical tab before the name", `\vweb.example ssh-ed25519 ${ED25519}`, "unknown"],
    ["a letter that only Unicode takes for a k", `\u212aiosk ssh-ed25519 ${ED25519}`, "unknown", "kiosk"],
    ["a pattern that OpenSSH gives up at", `web.example,${"a".repeat(1023)} ssh-ed25519 ${ED25519}`, "unknown"],
    ["the longest pattern", `web.example,${"a".repeat(1022)} ssh-ed25519 ${ED25519}`, "known kh:1"],
    ["stars without end", `${"*a".repeat(200)} ssh-ed25519 ${ED25519}`, "unknown", "a".repeat(150)],
    ["a NUL", `web.example ssh-ed25519 \0${ED25519}`, "unknown"],
    ["a malformed line before it", `nonsense\n@\nweb.example ssh-ed25519 ${ED25519}`, "known kh:3"],
    ["a comment line", `#web.example ssh-ed25519 ${ED25519}`, "unknown"],
    ["IPv6", `2001:db8::1 ssh-ed25519 ${ED25519}`, "known kh:1", "2001:DB8::1"],
  ];
  for (const [name, text, expected, host, port] of table) {
    it(name, () => assert.equal(verdict(text, host, port), expected));
  }

  it("names the authority that cannot be asked", () => {
    const text = `@cert-authority *.example ssh-ed25519 ${OTHER}`;
    const found = judge(entriesFor(parseKnownHosts({ file: "kh", text }), "web.example"), key);
    assert.ok(found.kind === "unknown" && found.authority?.line === 1);
  });

  it("finds the lines that ssh-keygen -F finds", (t) => {
    if (spawnSync("ssh-keygen", ["-?"]).error) return t.skip("no ssh-keygen here");
    const directory = mkdtempSync(join(tmpdir(), "bungee-kh-"));
    try {
      // It shows lines without looking whether ssh could use their keys (host-key.test.ts asks ssh itself), and never ends at many stars.
      const unread = ["half a key", "a key of another type than named", "a NUL", "stars without end"];
      for (const [name, text, , host = "web.example", port = 22] of table) {
        if (unread.includes(name) || name.startsWith("base64")) continue;
        const file = join(directory, "kh");
        writeFileSync(file, `${text}\n`);
        const pattern = hostPattern(host, port);
        const { stdout } = spawnSync("ssh-keygen", ["-F", pattern, "-f", file], { encoding: "utf8" });
        const theirs = [...stdout.matchAll(/^# Host .* found: line (\d+)/gm)].map((match) => Number(match[1]));
        const ours = entriesFor(parseKnownHosts({ file, text }), pattern);
        assert.deepEqual(
          ours.map((entry) => entry.line),
          theirs,
          `${name}: ${text}`,
        );
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("a key in wire format", () => {
  it("names its type", () => assert.equal(typeOfKey(key), "ssh-ed25519"));
  for (const [name, bytes] of [
    ["empty", Buffer.alloc(0)],
    ["short", Buffer.from([0, 0])],
    ["a length beyond its end", Buffer.from([255, 255, 255, 255, 1])],
  ] as const) {
    it(`has none when it is ${name}`, () => assert.equal(typeOfKey(bytes), ""));
  }
});
