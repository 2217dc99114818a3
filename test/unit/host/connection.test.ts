import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ConnectionLostError, LoginError } from "../../../src/errors.ts";
import type { Connection } from "../../../src/host/connection.ts";
import { connect } from "../../../src/host/dial.ts";
import { noSshd, TestSshd, withSshConfig } from "./sshd.ts";
import { TRANSPORTS } from "./visit.ts";

for (const ssh of TRANSPORTS) {
  describe(`a connection by ${ssh}`, { skip: noSshd }, () => {
    let sshd: TestSshd;
    before(async () => {
      sshd = await TestSshd.start();
      writeFileSync(sshd.path("known_hosts"), sshd.knownHost());
    });
    after(() => sshd[Symbol.dispose]());

    const open = (...extra: string[]): Promise<Connection> =>
      withSshConfig(sshd.path("config"), sshd.hostConfig("web", ...extra), () =>
        connect({ node: "web1", addresses: ["web"], ssh }),
      );
    const using = (work: (connection: Connection) => Promise<void>) => during(open(), work);

    it("says who and where it is", () =>
      using(async (connection) => {
        assert.deepEqual(
          [connection.node, connection.address, connection.user, connection.lost.aborted],
          ["web1", "web", sshd.user, false],
        );
      }));

    it("tells exit code, output and errors", () =>
      using(async (connection) => {
        const finished = await connection.run({ argv: ["sh", "-c", "echo out; echo err >&2; exit 7"] });
        assert.deepEqual(finished, { code: 7, signal: null, stdout: "out\n", stderr: "err\n" });
      }));

    it("tells a signal from a code", () =>
      using(async (connection) => {
        const finished = await connection.run({ argv: ["sh", "-c", "kill -SEGV $$"] });
        assert.deepEqual([finished.code, finished.signal], [null, "SIGSEGV"]);
      }));

    it("gives stdin, and ends it", () =>
      using(async (connection) => {
        const input = `${"ä line\n".repeat(100_000)}end`;
        assert.equal((await connection.run({ argv: ["cat"], stdin: input })).stdout, input);
        assert.equal((await connection.run({ argv: ["cat"] })).stdout, "");
      }));

    it("survives a command that does not read its stdin", () =>
      using(async (connection) => {
        const finished = await connection.run({ argv: ["true"], stdin: Buffer.alloc(20e6) });
        assert.equal(finished.code, 0);
        assert.equal((await connection.run({ argv: ["echo", "on"] })).stdout, "on\n");
      }));

    it("carries big outputs of both kinds, and keeps the end", () =>
      using(async (connection) => {
        let seen = 0;
        const finished = await connection.run(
          { argv: ["sh", "-c", "head -c 30000000 /dev/zero; head -c 5000000 /dev/zero >&2; echo done"] },
          { keep: 1000, onStdout: (chunk) => (seen += chunk.length) },
        );
        assert.equal(seen, 30_000_005);
        assert.equal(finished.stdout.length, 1000);
        assert.ok(finished.stdout.endsWith("done\n"));
        assert.equal(finished.stderr.length, 1000);
      }));

    it("hands over the words as they are", () =>
      using(async (connection) => {
        const words = ["a b", "it's", "$(id)", "`id`", '"', "\\", "new\nline", "*", "", "~", "-n", "ü", "a\\'b"];
        const finished = await connection.run({ argv: ["printf", "%s\\0", ...words] });
        assert.deepEqual(finished.stdout.split("\0").slice(0, -1), words);
      }));

    it("stays in order when the session keys are renewed all the time", async () => {
      using rekeying = await TestSshd.start("RekeyLimit 1M");
      writeFileSync(rekeying.path("known_hosts"), rekeying.knownHost());
      const connection = await withSshConfig(rekeying.path("config"), rekeying.hostConfig("r"), () =>
        connect({ node: "r", addresses: ["r"], ssh }),
      );
      const data = Buffer.alloc(20e6, "0123456789abcdefghijklmnop");
      const sum = createHash("sha256").update(data).digest("hex");
      assert.equal((await connection.run({ argv: ["sha256sum"], stdin: data })).stdout.slice(0, 64), sum);
      assert.equal((await connection.run({ argv: ["cat"], stdin: data })).stdout.length, data.length);
      await connection.close();
    });

    it("runs twenty commands at once, each with its own words", () =>
      using(async (connection) => {
        const all = await Promise.all(
          Array.from({ length: 20 }, (_, n) =>
            connection.run({ argv: ["sh", "-c", `cat; echo ${n} >&2; exit ${n}`], stdin: `${n} in`.repeat(20_000) }),
          ),
        );
        assert.deepEqual(
          all.map(({ code, stdout, stderr }) => [code, stdout.length, stderr]),
          all.map((_, n) => [n, `${n} in`.length * 20_000, `${n}\n`]),
        );
      }));

    it("answers a host that asks for signs of life", async () => {
      using asking = await TestSshd.start("ClientAliveInterval 1", "ClientAliveCountMax 1");
      writeFileSync(asking.path("known_hosts"), asking.knownHost());
      const connection = await withSshConfig(asking.path("config"), asking.hostConfig("a"), () =>
        connect({ node: "a", addresses: ["a"], ssh }),
      );
      assert.equal((await connection.run({ argv: ["sh", "-c", "sleep 4; echo still"] })).stdout, "still\n");
      await connection.close();
    });

    it("tells a command's own 255 from a connection that broke", () =>
      using(async (connection) => {
        assert.equal((await connection.run({ argv: ["sh", "-c", "exit 255"] })).code, 255);
        assert.equal(connection.lost.aborted, false);
      }));

    for (const sessions of [1, 2]) {
      it(`runs ten commands where MaxSessions is ${sessions}`, async () => {
        using small = await TestSshd.start(`MaxSessions ${sessions}`);
        writeFileSync(small.path("known_hosts"), small.knownHost());
        const connection = await withSshConfig(small.path("config"), small.hostConfig("s"), () =>
          connect({ node: "s", addresses: ["s"], ssh }),
        );
        const all = await Promise.all(
          Array.from({ length: 10 }, (_, n) => connection.run({ argv: ["sh", "-c", `sleep 0.05; echo ${n}`] })),
        );
        assert.deepEqual(
          all.map(({ stdout }) => Number(stdout)),
          [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        );
        await connection.close();
      });
    }

    it("says so where no session is allowed", async () => {
      using closed = await TestSshd.start("MaxSessions 0");
      writeFileSync(closed.path("known_hosts"), closed.knownHost());
      const connection = await withSshConfig(closed.path("config"), closed.hostConfig("c"), () =>
        connect({ node: "c", addresses: ["c"], ssh }),
      );
      await assert.rejects(connection.run({ argv: ["true"] }), (error) => {
        assert.ok(error instanceof LoginError);
        assert.match(error.message, /refuses every session/);
        return true;
      });
      await connection.close();
    });

    it("ends a command when its signal aborts, and goes on", () =>
      using(async (connection) => {
        const abort = new AbortController();
        let pid = "";
        const running = connection.run(
          { argv: ["sh", "-c", "echo $$; while :; do sleep 0.05; echo tick; done"] },
          { signal: abort.signal, onStdout: (chunk) => (pid ||= String(chunk).trim()) },
        );
        setTimeout(() => abort.abort(new Error("enough")), 300);
        await assert.rejects(running, /enough/);
        const script = 'for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$1" || exit 0; sleep 0.1; done; exit 1';
        assert.equal((await connection.run({ argv: ["sh", "-c", script, "sh", pid] })).code, 0, `${pid} runs on`);
      }));

    it("does not start a command whose signal is aborted already", () =>
      using(async (connection) => {
        await assert.rejects(connection.run({ argv: ["true"] }, { signal: AbortSignal.abort(new Error("no")) }), /no/);
      }));

    it("calls a connection lost when the host's sshd dies in mid-command", async () => {
      const connection = await open();
      const running = connection.run({ argv: ["sleep", "60"] });
      const channel = await connection.open({ argv: ["sleep", "61"] });
      setTimeout(() => sshd.signalSessions("SIGKILL"), 100);
      await assert.rejects(running, (error) => {
        assert.ok(error instanceof ConnectionLostError);
        assert.match(error.message, /the connection to web1 at web is lost/);
        return true;
      });
      await assert.rejects(channel.exited, ConnectionLostError);
      await assert.rejects(channel.stdout.toArray(), ConnectionLostError);
      assert.ok(connection.lost.aborted);
      assert.ok(connection.lost.reason instanceof ConnectionLostError);
      await assert.rejects(connection.run({ argv: ["true"] }), ConnectionLostError);
      await connection.close();
    });

    it("calls a connection lost, not an answer cut short, when it breaks in the middle of the output", async () => {
      const connection = await open();
      const running = connection.run(
        { argv: ["sh", "-c", "echo begun; sleep 60"] },
        { onStdout: () => sshd.signalSessions("SIGKILL") },
      );
      await assert.rejects(running, ConnectionLostError);
    });

    it("notices a host that froze", async () => {
      const connection = await open("ServerAliveInterval 1", "ServerAliveCountMax 2");
      const running = connection.run({ argv: ["sleep", "60"] });
      await pause(100);
      const start = performance.now();
      sshd.signalSessions("SIGSTOP");
      await assert.rejects(running, /lost: nothing came from the host for \d s/);
      assert.ok(performance.now() - start < 6000);
      sshd.signalSessions("SIGCONT");
    });

    it("keeps an idle connection, and a busy one that hears nothing else", async () => {
      await during(open("ServerAliveInterval 1", "ServerAliveCountMax 2"), async (connection) => {
        const finished = await connection.run({ argv: ["sh", "-c", "sleep 3.5; echo still"] });
        assert.equal(finished.stdout, "still\n");
      });
    });

    it("is lost, by our own will, after close", async () => {
      const connection = await open();
      const running = connection.run({ argv: ["sleep", "60"] });
      setTimeout(() => void connection.close(), 50);
      await assert.rejects(running, /bungee closed it/);
      assert.ok(connection.lost.aborted);
      await connection.close();
    });

    it("lets nothing run on: the process ends by itself once the connection is closed", async () => {
      const script = `
      import { connect } from ${JSON.stringify(new URL("../../../src/host/dial.ts", import.meta.url).href)};
      const connection = await connect({ node: "web1", addresses: ["web"], ssh: "${ssh}" });
      await connection.run({ argv: ["true"] });
      await connection.close();
      console.log("closed");`;
      writeFileSync(sshd.path("config"), sshd.hostConfig("web"));
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
        env: { ...process.env, BUNGEE_SSH_CONFIG: sshd.path("config") },
        stdio: ["ignore", "inherit", "inherit"],
        timeout: 60_000,
      });
      const code = await new Promise((resolve) => child.once("exit", resolve));
      assert.equal(code, 0);
    });

    it("lets streams be used by whoever opens a channel", () =>
      using(async (connection) => {
        const channel = await connection.open({
          argv: ["sh", "-c", "while read line; do echo got $line; done; exit 3"],
        });
        channel.stdin.write("one\n");
        const [first] = (await channel.stdout.take(1).toArray()) as Buffer[];
        assert.equal(String(first), "got one\n");
        channel.stdin.end("two\n");
        assert.deepEqual(await channel.exited, { code: 3, signal: null });
      }));
  });
}

async function during(opening: Promise<Connection>, work: (connection: Connection) => Promise<void>): Promise<void> {
  const connection = await opening;
  try {
    await work(connection);
  } finally {
    await connection.close();
  }
}
