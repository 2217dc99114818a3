import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { fleetName, type PushArguments, pushFlags, readPush } from "../../../src/commands/push-cache-flags.ts";
import { UsageError } from "../../../src/errors.ts";
import { fakeStreams } from "./streams.ts";

const TO = { to: "ssh://cache.example.org" };

function read(
  selectors: readonly string[],
  flags: Record<string, string | true>,
  streams = fakeStreams({ terminal: false }),
): PushArguments {
  for (const name of Object.keys(flags)) assert.ok(Object.hasOwn(pushFlags, name), name);
  return readPush({ selectors, flags: new Map(Object.entries(flags)) }, streams);
}

function refused(selectors: readonly string[], flags: Record<string, string | true>): string {
  try {
    read(selectors, flags);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return `${error.message} | ${error.mend}`;
  }
  assert.fail("was not refused");
}

test("what is meant where nothing is said", () => {
  const { to, ...rest } = read(["web1"], TO);
  assert.deepEqual(to, {
    node: "cache.example.org",
    addresses: ["cache.example.org"],
    user: undefined,
    port: undefined,
    ssh: undefined,
  });
  assert.deepEqual(rest, {
    selectors: ["web1"],
    all: false,
    flake: ".",
    schema: "auto",
    fleet: undefined,
    keep: 3,
    signKey: undefined,
    sshKeyFile: undefined,
    knownHosts: undefined,
    parallel: 10,
    report: undefined,
    verbose: false,
  });
});

describe("--to", () => {
  const read1 = (to: string) => {
    const { addresses, user, port } = read([], { all: true, to }).to;
    return [addresses[0], user, port];
  };
  it("is where nix would push", () => {
    assert.deepEqual(read1("ssh://push@cache:2222"), ["cache", "push", 2222]);
    assert.deepEqual(read1("ssh-ng://root@10.0.0.1/"), ["10.0.0.1", "root", undefined]);
    assert.deepEqual(read1("ssh://push@[fe80::1]:22"), ["fe80::1", "push", 22]);
    assert.deepEqual(read1("ssh://a-host-of-ssh_config"), ["a-host-of-ssh_config", undefined, undefined]);
  });
  const WRONG = [
    "",
    "cache",
    "https://cache.example.org",
    "ssh://",
    "ssh://@cache",
    "ssh://push@",
    "ssh://user:secret@cache",
    "ssh://cache/nix/store",
    "ssh://cache?compress=true",
    "ssh://cache:0",
    "ssh://cache:65536",
    "ssh://cache:ssh",
    "ssh://fe80::1",
    "ssh://[cache]",
    " ssh://cache",
  ];
  for (const to of WRONG) {
    it(`is not ${JSON.stringify(to)}`, () =>
      assert.equal(
        refused(["web1"], { to }),
        `--to is ${to || "empty"} | give ssh://[user@]host[:port], without a path`,
      ));
  }
  it("has to be said", () => assert.match(refused(["web1"], {}), /^--to is missing/));
});

test("what cannot be", () => {
  assert.match(refused([], TO), /^no host is chosen/);
  assert.match(refused(["web1"], { ...TO, all: true }), /^--all and web1 say different things/);
  assert.match(refused(["web1"], { ...TO, flake: ".#web2" }), /names a host/);
  assert.match(refused(["web1"], { ...TO, keep: "0" }), /^--keep is 0 \| give a whole number of releases, 1 to 9999/);
  assert.match(refused(["web1"], { ...TO, fleet: "" }), /^--fleet is empty/);
  assert.match(refused(["web1"], { ...TO, "sign-key": "" }), /^--sign-key is empty/);
  assert.equal(read(["!web1"], { ...TO, all: true }).all, true);
});

test("a fleet is called as its folder or repository", () => {
  const names = {
    "git+file:///home/me/fleet": "fleet",
    "git+file:///home/me/fleet?dir=hosts": "fleet",
    "path:/builds/group/my-fleet": "my-fleet",
    "github:me/fleet/main": "fleet",
    "github:me/fleet": "fleet",
    "git+ssh://git@forge.example.org/me/fleet.git?ref=main": "fleet",
    "path:/nix/store/0123456789abcdfghijklmnpqrsvwxyz-source": undefined,
    "https://example.org/fleet.tar.gz": undefined,
    "tarball+https://example.org/archive/main.zip": undefined,
    "path:/": undefined,
  };
  for (const [url, name] of Object.entries(names)) assert.equal(fleetName(url), name, url);
});
