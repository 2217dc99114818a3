import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { after, before, describe, it } from "node:test";
import { ElevationError } from "../../../src/errors.ts";
import type { Connection } from "../../../src/host/connection.ts";
import { connect } from "../../../src/host/dial.ts";
import { elevated, elevationFor } from "../../../src/host/elevation.ts";
import { noSshd, TestSshd, withSshConfig } from "./sshd.ts";

/** Real users and a real sudo, in a mount namespace where /etc has files of the test's own. */
const noUsers =
  userInfo().uid !== 0
    ? "not root"
    : spawnSync("sudo", ["-V"]).error
      ? "no sudo here: apt-get install --no-install-recommends sudo"
      : spawnSync("unshare", ["-m", "true"]).status !== 0
        ? "no mount namespaces here"
        : false;

const SUDOERS = `root ALL=(ALL) ALL
everything ALL=(ALL) NOPASSWD: ALL
password ALL=(ALL) ALL
one ALL=(root) NOPASSWD: /usr/bin/id -u, /bin/false
`;

describe("elevation by sudo", { skip: noSshd || noUsers }, () => {
  let sshd: TestSshd;
  const users = ["everything", "password", "one", "stranger"];
  before(async () => {
    sshd = await TestSshd.start();
    await sshd.stopListening();
    const etc = sshd.path("etc");
    mkdirSync(etc);
    const lines = users.map(
      (user, n) => [`${user}:x:${61000 + n}:${61000 + n}::/:/bin/sh`, `${user}:*:1::::::`] as const,
    );
    writeFileSync(
      `${etc}/passwd`,
      `${readFileSync("/etc/passwd", "utf8")}${lines.map(([line]) => `${line}\n`).join("")}`,
    );
    writeFileSync(
      `${etc}/shadow`,
      `${readFileSync("/etc/shadow", "utf8")}${lines.map(([, line]) => `${line}\n`).join("")}`,
    );
    writeFileSync(`${etc}/sudoers`, SUDOERS, { mode: 0o440 });
    // sudo looks its own host up, and complains where nobody knows it.
    writeFileSync(`${etc}/hosts`, `127.0.0.1 localhost ${hostname()}\n`);
    // The users must reach their authorized keys, and nothing else of the directory.
    chmodSync(sshd.directory, 0o711);
    chmodSync(sshd.path("authorized"), 0o644);
    const mounts = ["passwd", "shadow", "sudoers", "hosts"].map((name) => `mount --bind ${etc}/${name} /etc/${name}`);
    await sshd.listen(
      "unshare",
      "-m",
      "--propagation",
      "private",
      "sh",
      "-c",
      `${mounts.join(" && ")} && exec "$@"`,
      "sh",
    );
    writeFileSync(sshd.path("known_hosts"), sshd.knownHost());
  });
  after(() => sshd[Symbol.dispose]());

  async function as(user: string, work: (connection: Connection) => Promise<void>): Promise<void> {
    const bare = await withSshConfig(sshd.path("config"), sshd.hostConfig("web", `User ${user}`), () =>
      connect({ node: "web1", addresses: ["web"] }),
    );
    try {
      assert.equal(bare.user, user);
      await work(elevated(bare, elevationFor("auto", bare.user)));
    } finally {
      await bare.close();
    }
  }

  const isRefused = (error: unknown): true => {
    assert.ok(error instanceof ElevationError, String(error));
    assert.match(error.message, /may not become root on web1 by sudo without a password/);
    assert.equal(error.node, "web1");
    return true;
  };

  it("makes root only what asks for it", () =>
    as("everything", async (connection) => {
      assert.equal((await connection.run({ argv: ["id", "-u"], root: true })).stdout, "0\n");
      assert.notEqual((await connection.run({ argv: ["id", "-u"] })).stdout, "0\n");
    }));

  it("leaves words, stdin and exit code alone", () =>
    as("everything", async (connection) => {
      const words = ["-n", "a b", "$(id)", "'", "\\", "", "--"];
      const printed = await connection.run({ argv: ["printf", "%s\\0", ...words], root: true });
      assert.deepEqual(printed.stdout.split("\0").slice(0, -1), words);
      assert.equal((await connection.run({ argv: ["cat"], stdin: "in", root: true })).stdout, "in");
      for (const code of [0, 1, 3, 127]) {
        const finished = await connection.run({ argv: ["sh", "-c", `echo why >&2; exit ${code}`], root: true });
        assert.deepEqual([finished.code, finished.stderr], [code, "why\n"]);
      }
    }));

  it("does not take a command that is not there for a refusal", () =>
    as("everything", async (connection) => {
      assert.equal((await connection.run({ argv: ["bungee-nowhere"], root: true })).code, 1);
    }));

  for (const user of ["password", "stranger"]) {
    it(`is refused to the user ${user}, who hears why`, () =>
      as(user, async (connection) => {
        await assert.rejects(connection.run({ argv: ["id", "-u"], root: true }), (error: ElevationError) => {
          isRefused(error);
          assert.match(error.detail ?? "", /^sudo: /);
          return true;
        });
        const channel = await connection.open({ argv: ["cat"], root: true });
        await assert.rejects(channel.exited, isRefused);
        assert.equal((await connection.run({ argv: ["echo", "still"] })).stdout, "still\n");
      }));
  }

  it("works for a user who may run one command", () =>
    as("one", async (connection) => {
      assert.equal((await connection.run({ argv: ["/usr/bin/id", "-u"], root: true })).stdout, "0\n");
      assert.equal((await connection.run({ argv: ["/bin/false"], root: true })).code, 1, "its own failure");
      await assert.rejects(connection.run({ argv: ["cat", "/etc/shadow"], root: true }), isRefused);
    }));

  it("gives a channel to a root command", () =>
    as("everything", async (connection) => {
      const channel = await connection.open({ argv: ["sh", "-c", "id -u; cat; exit 1"], root: true });
      channel.stdin.end("in");
      assert.equal(Buffer.concat((await channel.stdout.toArray()) as Buffer[]).toString(), "0\nin");
      assert.deepEqual(await channel.exited, { code: 1, signal: null });
    }));

  it("says that there is no sudo", async () => {
    using bare = await TestSshd.start("SetEnv PATH=/nowhere");
    writeFileSync(bare.path("known_hosts"), bare.knownHost());
    const connection = await withSshConfig(bare.path("config"), bare.hostConfig("web"), () =>
      connect({ node: "web1", addresses: ["web"] }),
    );
    const root = elevated(connection, elevationFor("sudo", connection.user));
    await assert.rejects(root.run({ argv: ["id"], root: true }), isRefused);
    await connection.close();
  });
});

describe("the elevation in force", () => {
  for (const [setting, user, name] of [
    ["auto", "root", "none"],
    ["auto", "deploy", "sudo"],
    ["none", "deploy", "none"],
    ["sudo", "root", "sudo"],
  ] as const) {
    it(`of ${setting} for ${user} is ${name}`, () => assert.equal(elevationFor(setting, user).name, name));
  }

  it("keeps what is secret in a command", () => {
    const command = { argv: ["a", "b"], stdin: "c", root: true } as const;
    assert.deepEqual(elevationFor("sudo", "deploy").wrap(command), {
      ...command,
      argv: ["sudo", "-n", "--", "a", "b"],
    });
  });
});
