import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { HostKeyError } from "../../../src/errors.ts";
import { demandKnownHosts } from "../../../src/host/acquaintance.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEu8B0vTEwVtr5zjUQAo4PlvSHbpmhL9Y3rUUj1MC8BY";

describe("keys to know the hosts by", () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "bungee-known-"));
  });
  after(() => rmSync(directory, { recursive: true }));

  async function strange(knownHosts: string, ...nodes: (readonly [string, ...string[]])[]) {
    const [file, configFile] = [join(directory, "known_hosts"), join(directory, "config")];
    writeFileSync(file, knownHosts);
    const settings = [`UserKnownHostsFile ${file}`, "GlobalKnownHostsFile /dev/null", "Host odd", "Port 2222"];
    writeFileSync(
      configFile,
      [...settings, "Host jumped", "ProxyJump web1", "Host own", "KnownHostsCommand /bin/true"].join("\n"),
    );
    const targets = nodes.map(([node, ...addresses]) => ({
      node,
      addresses: (addresses.length > 0 ? addresses : [node]) as [string, ...string[]],
    }));
    return await demandKnownHosts(targets, { configFile }).then(
      () => undefined,
      (error: unknown) => {
        assert.ok(error instanceof HostKeyError, String(error));
        return error;
      },
    );
  }

  it("are there: by name, by one address of several, by an authority, with a port, on the way over another host", async () => {
    assert.equal(await strange(`web1 ${KEY}`, ["web1"]), undefined);
    assert.equal(await strange(`10.0.0.9 ${KEY}`, ["web1", "10.0.0.5", "10.0.0.9"]), undefined);
    assert.equal(await strange(`@cert-authority *.example.org ${KEY}`, ["web1", "web1.example.org"]), undefined);
    assert.equal(await strange(`[odd]:2222 ${KEY}`, ["odd"]), undefined);
    assert.equal(await strange(`jumped ${KEY}`, ["jumped"]), undefined);
    assert.equal(await strange("", ["own"]), undefined, "ssh asks a command of its own");
    assert.equal(await strange(""), undefined);
  });

  it("are missing: every such host in one error, with the mend", async () => {
    const error = await strange(`web1 ${KEY}`, ["web1"], ["web2"], ["db1", "10.0.0.7", "10.0.0.8"]);
    assert.equal(
      error?.message,
      "no host key is known of web2, db1 (10.0.0.7, 10.0.0.8): nothing was sent to any host",
    );
    assert.match(error.mend, /^by hand, .*: ssh-keyscan -t ed25519 web2 >known_hosts, compare its fingerprint/);
    assert.match((await strange("", ["odd"]))!.mend, /ssh-keyscan -p 2222 -t ed25519 odd /);
  });

  it("do not count when they are revoked, broken, or another's", async () => {
    for (const line of [
      `@revoked web1 ${KEY}`,
      "web1 ssh-ed25519 AAAA",
      `web10 ${KEY}`,
      `#web1 ${KEY}`,
      `!web1 ${KEY}`,
    ]) {
      assert.ok(await strange(line, ["web1"]), line);
    }
  });

  it("are named up to a point", async () => {
    const names = Array.from({ length: 13 }, (_, index) => [`web${index}`] as const);
    assert.match((await strange("", ...names))!.message, /of web0, .*, web9 and 3 more: nothing/);
  });
});
