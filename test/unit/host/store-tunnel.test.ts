import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect as connectUnix } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ConnectionLostError, CopyError } from "../../../src/errors.ts";
import type { Connection } from "../../../src/host/connection.ts";
import { connect } from "../../../src/host/dial.ts";
import { openStoreTunnel, type StoreTunnel } from "../../../src/host/store-tunnel.ts";
import { runLocal } from "../../../src/process.ts";
import { noSshd, TestSshd, withSshConfig } from "./sshd.ts";
import { TRANSPORTS } from "./visit.ts";

const noNix = spawnSync("nix", ["--version"]).error
  ? "no nix here: apt-get install --no-install-recommends nix-bin"
  : false;

const MIB = 1024 * 1024;

/** Two stores of this test's own: one to copy from, one that the sshd's nix-daemon serves. Nothing else is touched. */
for (const ssh of TRANSPORTS) {
  describe(`the store tunnel by ${ssh}`, { skip: noSshd || noNix }, () => {
    let sshd: TestSshd;
    let stores: string;
    let connection: Connection;
    let env: Record<string, string>;
    /** What sshd_config says for its nix-daemon to serve the other store. */
    let served: string;

    before(async () => {
      stores = mkdtempSync(join(tmpdir(), "bungee-stores-"));
      mkdirSync(join(stores, "etc"));
      const settings = [
        "experimental-features = nix-command",
        "substituters =",
        "build-users-group =",
        "require-sigs = false",
        // For a builder: a store that lies elsewhere builds in a sandbox.
        "sandbox-paths = /bin /usr /lib /lib64",
      ];
      writeFileSync(join(stores, "etc/nix.conf"), `${settings.join("\n")}\n`);
      env = {
        HOME: stores,
        NIX_CONF_DIR: join(stores, "etc"),
        NIX_USER_CONF_FILES: "",
        NIX_STORE_DIR: join(stores, "here/store"),
        NIX_STATE_DIR: join(stores, "here/state"),
        NIX_LOG_DIR: join(stores, "here/log"),
      };
      const there = `local?real=${stores}/there/store&state=${stores}/there/state&log=${stores}/there/log`;
      served = `SetEnv HOME=${stores} NIX_CONF_DIR=${join(stores, "etc")} NIX_STORE_DIR=${join(stores, "here/store")} NIX_REMOTE=${there}`;
      sshd = await TestSshd.start(served);
      writeFileSync(sshd.path("known_hosts"), sshd.knownHost());
      connection = await dial(sshd);
    });
    after(async () => {
      await connection?.close();
      sshd?.[Symbol.dispose]();
      spawnSync("chmod", ["-R", "u+w", stores]);
      rmSync(stores, { recursive: true });
    });

    const dial = (to: TestSshd, ...settings: string[]) =>
      withSshConfig(to.path("config"), to.hostConfig("web", ...settings), () =>
        connect({ node: "web1", addresses: ["web"], ssh }),
      );

    const nix = (...argv: string[]) => runLocal({ argv: ["nix", ...argv] }, { env });
    let paths = 0;
    /** A new path in the store here, of so many random bytes. */
    async function add(size: number): Promise<string> {
      const file = join(stores, `payload-${++paths}`);
      writeFileSync(file, randomBytes(size));
      const { stdout, stderr, code } = await runLocal({ argv: ["nix-store", "--add", file] }, { env });
      assert.equal(code, 0, stderr);
      return stdout.trim();
    }
    const copyTo = (tunnel: StoreTunnel, ...what: string[]) =>
      nix("copy", "--no-check-sigs", "--to", tunnel.storeUri, ...what);

    it("takes a copy, and counts its bytes", async () => {
      const path = await add(20 * MIB);
      await using tunnel = await openStoreTunnel(connection);
      const copied = await copyTo(tunnel, path);
      assert.equal(copied.code, 0, copied.stderr);
      assert.equal(statSync(path.replace("/here/", "/there/")).size, 20 * MIB);
      const { sent, received } = tunnel.bytes();
      assert.ok(sent > 20 * MIB && sent < 20.1 * MIB, String(sent));
      assert.ok(received > 0 && received < MIB, String(received));

      assert.equal((await copyTo(tunnel, path)).code, 0);
      assert.ok(tunnel.bytes().sent - sent < 50_000, "what is there is not sent again");
      assert.equal(tunnel.problem(), undefined);
    });

    it("serves other questions about the host's store", async () => {
      const path = await add(1000);
      await using tunnel = await openStoreTunnel(connection);
      const ask = () => nix("path-info", "--store", tunnel.storeUri, "--json", path);
      assert.doesNotMatch((await ask()).stdout, /narHash/);
      await copyTo(tunnel, path);
      assert.match((await ask()).stdout, /narHash/);
    });

    it("carries several copies at once", async () => {
      const all = await Promise.all([add(3 * MIB), add(3 * MIB), add(3 * MIB), add(3 * MIB)]);
      await using tunnel = await openStoreTunnel(connection);
      const results = await Promise.all(all.map((path) => copyTo(tunnel, path)));
      assert.deepEqual(
        results.map(({ code }) => code),
        [0, 0, 0, 0],
      );
    });

    it("lies in a directory that is private, and gone afterwards", async () => {
      const tunnel = await openStoreTunnel(connection);
      const socket = tunnel.storeUri.replace("unix://", "");
      assert.equal(statSync(dirname(socket)).mode & 0o777, 0o700);
      await tunnel.close();
      assert.ok(!existsSync(dirname(socket)));
      await tunnel.close();
    });

    it("finds a place for its socket when the temporary directory has a long name", async () => {
      const before = process.env.TMPDIR;
      process.env.TMPDIR = join(stores, "x".repeat(100));
      mkdirSync(process.env.TMPDIR);
      try {
        await using tunnel = await openStoreTunnel(connection);
        assert.equal((await nix("path-info", "--store", tunnel.storeUri, "--all")).code, 0);
      } finally {
        if (before === undefined) delete process.env.TMPDIR;
        else process.env.TMPDIR = before;
      }
    });

    it("ends a copy whose connection is lost", async () => {
      const path = await add(100 * MIB);
      const other = await dial(sshd);
      await using tunnel = await openStoreTunnel(other);
      const copying = copyTo(tunnel, path);
      while (tunnel.bytes().sent < MIB) await new Promise((resolve) => setTimeout(resolve, 5));
      await other.close();
      assert.notEqual((await copying).code, 0);
      assert.ok(tunnel.problem() instanceof ConnectionLostError);
    });

    it("ends a copy and a build over a line that is silently dead", { timeout: 90_000 }, async () => {
      const path = await add(100 * MIB);
      using frozen = await TestSshd.start(served);
      writeFileSync(frozen.path("known_hosts"), frozen.knownHost());
      const other = await dial(frozen, "ServerAliveInterval 1", "ServerAliveCountMax 2");
      await using tunnel = await openStoreTunnel(other);
      const slow = `derivation { name = "slow"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "/bin/sleep 299.5" ]; }`;
      const ended: string[] = [];
      const building = nix("build", "--impure", "--no-link", "--store", tunnel.storeUri, "--expr", slow);
      void building.then(({ stderr }) => ended.push(stderr));
      const builders = () => connection.run({ argv: ["sh", "-c", "grep -lsxz 299[.]5 /proc/[0-9]*/cmdline"] });
      while ((await builders()).stdout === "") {
        assert.deepEqual(ended, []);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const { sent } = tunnel.bytes();
      const copying = copyTo(tunnel, path);
      while (tunnel.bytes().sent < sent + MIB) await new Promise((resolve) => setTimeout(resolve, 5));
      frozen.signalSessions("SIGSTOP");
      const [copied, built] = await Promise.all([copying, building]);
      assert.ok(copied.code !== 0 && built.code !== 0, copied.stderr + built.stderr);
      assert.match(tunnel.problem()?.message ?? "", /lost: nothing came from the host for \d+ s/);
    });

    it("leaves no daemon behind when the local nix goes away", async () => {
      await using tunnel = await openStoreTunnel(connection);
      const daemons = () => sshd.sessions().filter((pid) => programOf(pid) === "nix-daemon");
      async function until(count: number): Promise<void> {
        const deadline = performance.now() + 20_000;
        while (daemons().length !== count) {
          assert.ok(performance.now() < deadline, `not ${count} but ${daemons().length}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
      // Those of the tests before may take a moment to end.
      await until(0);
      const client = connectUnix(tunnel.storeUri.replace("unix://", ""));
      await new Promise((resolve) => client.once("connect", resolve));
      await until(1);
      client.destroy();
      await until(0);
      assert.equal(tunnel.problem(), undefined, "that it ended is no reason for that");
    });

    it("nor when it is closed before the daemon has come", { timeout: 60_000 }, async () => {
      // More than sshd has sessions for.
      for (let time = 0; time < 12; time++) {
        const tunnel = await openStoreTunnel(connection);
        const client = connectUnix(tunnel.storeUri.replace("unix://", ""));
        await new Promise((resolve) => client.once("connect", resolve));
        await new Promise(setImmediate);
        await tunnel.close();
      }
      await using tunnel = await openStoreTunnel(connection);
      assert.equal((await nix("path-info", "--store", tunnel.storeUri, "--all")).code, 0);
    });

    /** A host whose nix-daemon reaches no store; between the end of its answers and its exit code there is as much as sudo's PAM may take. */
    async function withoutStore(exit: string): Promise<TestSshd> {
      const bin = mkdtempSync(join(stores, "bin-"));
      const script = `#!/bin/sh\nPATH=${process.env.PATH}\nnix-daemon "$@"\ncode=$?\n${exit}exit $code\n`;
      writeFileSync(join(bin, "nix-daemon"), script, { mode: 0o755 });
      const there = await TestSshd.start(`SetEnv PATH=${bin} NIX_REMOTE=unix:///nowhere`);
      writeFileSync(there.path("known_hosts"), there.knownHost());
      return there;
    }

    for (const [when, exit, times] of [
      ["at once", "", 10],
      ["after a moment", "exec >&- 2>&-\nsleep 0.5\n", 1],
    ] as const) {
      it(`knows why the daemon ended before nix finds that it did, where it ends ${when}`, async () => {
        using bare = await withoutStore(exit);
        const other = await dial(bare);
        const path = await add(10);
        for (let time = 0; time < times; time++) {
          await using tunnel = await openStoreTunnel(other);
          const { code, stderr } = await copyTo(tunnel, path);
          const problem = tunnel.problem();
          assert.notEqual(code, 0);
          assert.ok(problem instanceof CopyError, `the ${time + 1}th copy: ${stderr}`);
          assert.match(problem.detail ?? "", /cannot connect to socket at '\/nowhere'/);
        }
        await other.close();
      });
    }

    it("says that there is no nix on the host", async () => {
      using bare = await TestSshd.start("SetEnv PATH=/nowhere");
      writeFileSync(bare.path("known_hosts"), bare.knownHost());
      const other = await dial(bare);
      await using tunnel = await openStoreTunnel(other);
      assert.notEqual((await copyTo(tunnel, await add(10))).code, 0);
      const problem = tunnel.problem();
      assert.ok(problem instanceof CopyError);
      assert.equal(problem.message, "nix-daemon on web1 ended with 127");
      assert.match(problem.mend, /install nix on the host/);
      assert.match(problem.detail ?? "", /nix-daemon/);
      await other.close();
    });
  });
}

/** Its first word; none when it has ended. */
function programOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0];
  } catch {
    return undefined;
  }
}
