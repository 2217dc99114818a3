import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { ElevationError } from "../../../../src/errors.ts";
import type { Connection } from "../../../../src/host/connection.ts";
import { dialer } from "../../../../src/host/dial.ts";
import { Elevator } from "../../../../src/host/elevation/elevation.ts";
import { startBy } from "../../../../src/host/elevation/way.ts";
import { Secrets } from "../../../../src/host/secrets.ts";
import { noSshd, TestSshd, withSshConfig } from "../sshd.ts";
import { hostOfUsers, noUsers, type User, wrongSentTo } from "./users.ts";

describe("elevation by sudo", { skip: noSshd || noUsers }, () => {
  let sshd: TestSshd;
  const wrongSent = (user: User, work: () => Promise<void>) => wrongSentTo(sshd, user, work);

  before(async () => {
    sshd = await hostOfUsers();
  });
  after(() => sshd[Symbol.dispose]());

  /** Logs in, with a person who gives these answers. */
  async function as(
    user: User,
    work: (connection: Connection, questions: string[]) => Promise<void>,
    answers: string[] = [],
    ssh: "ssh2" | "openssh" = "ssh2",
  ): Promise<void> {
    const questions: string[] = [];
    const prompt = async (question: string) => {
      questions.push(question);
      await new Promise((resolve) => setTimeout(resolve, user === "hasty" ? 6000 : 5));
      return Buffer.from(answers.shift() ?? assert.fail(`nobody expected: ${question}`));
    };
    using secrets = new Secrets(answers.length === 0 ? {} : { prompt });
    const bare = await withSshConfig(sshd.path("config"), sshd.hostConfig("web", `User ${user}`), () =>
      dialer()({ node: "web1", addresses: ["web"], ssh }),
    );
    try {
      assert.equal(bare.user, user);
      await work(new Elevator("web1", "auto", secrets).over(bare), questions);
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

  for (const user of ["password", "stranger"] as const) {
    it(`is refused to the user ${user}, who hears why`, () =>
      as(user, async (connection) => {
        await assert.rejects(connection.run({ argv: ["id", "-u"], root: true }), (error: ElevationError) => {
          isRefused(error);
          assert.match(error.detail ?? "", /^sudo: /);
          return true;
        });
        await assert.rejects(connection.open({ argv: ["cat"], root: true }), isRefused);
        assert.equal((await connection.run({ argv: ["echo", "still"] })).stdout, "still\n");
      }));
  }

  it("works for a user who may run one command", () =>
    as("one", async (connection) => {
      assert.equal((await connection.run({ argv: ["/usr/bin/id", "-u"], root: true })).stdout, "0\n");
      assert.equal((await connection.run({ argv: ["/bin/false"], root: true })).code, 1, "its own failure");
      await assert.rejects(connection.run({ argv: ["cat", "/etc/shadow"], root: true }), isRefused);
      const channel = await connection.open({ argv: ["/usr/bin/id", "-u"], root: true });
      assert.equal(String((await channel.stdout.toArray())[0]), "0\n");
      await assert.rejects((await connection.open({ argv: ["cat", "/etc/shadow"], root: true })).exited, isRefused);
    }));

  it("gives a channel to a root command", () =>
    as("everything", async (connection) => {
      const channel = await connection.open({ argv: ["sh", "-c", "id -u; cat; exit 1"], root: true });
      channel.stdin.end("in");
      assert.equal(Buffer.concat((await channel.stdout.toArray()) as Buffer[]).toString(), "0\nin");
      assert.deepEqual(await channel.exited, { code: 1, signal: null });
    }));

  describe("with a password", () => {
    const rootId = { argv: ["id", "-u"], root: true } as const;
    const bytes = randomBytes(3_000_000);
    const sum = createHash("sha256").update(bytes).digest("hex");

    for (const [user, ssh] of [
      ["password", "ssh2"],
      ["chatty", "ssh2"],
      ["cached", "ssh2"],
      ["hasty", "ssh2"],
      ["password", "openssh"],
      ["chatty", "openssh"],
    ] as const) {
      it(`that is asked for once, and goes before the command's own bytes: ${user}, over ${ssh}`, () =>
        as(
          user,
          async (connection, questions) => {
            assert.equal((await connection.run(rootId)).stdout, "0\n");
            const finished = await connection.run({ argv: ["sha256sum"], stdin: bytes, root: true });
            assert.deepEqual([finished.code, finished.stdout, finished.stderr], [0, `${sum}  -\n`, ""]);
            const channel = await connection.open({ argv: ["sh", "-c", "cat; echo why >&2; exit 3"], root: true });
            channel.stdin.end(bytes);
            const out = Buffer.concat((await channel.stdout.toArray()) as Buffer[]);
            assert.equal(createHash("sha256").update(out).digest("hex"), sum);
            assert.equal(Buffer.concat((await channel.stderr.toArray()) as Buffer[]).toString(), "why\n");
            assert.deepEqual(await channel.exited, { code: 3, signal: null });
            const many = await Promise.all(Array.from({ length: 5 }, () => connection.run(rootId)));
            assert.deepEqual(
              many.map(({ stdout }) => stdout),
              Array(5).fill("0\n"),
            );
            const after = await connection.run({ argv: ["sudo", "-n", "true"] });
            assert.equal(after.code, 1, "nothing is left for others in sudo's cache");
            assert.equal(questions.length, 1);
            assert.match(questions[0]!, new RegExp(`^Password of ${user}, to become root \\(web1 asks`));
          },
          ["secret"],
          ssh,
        ));
    }

    it("leaves words and exit codes alone", () =>
      as(
        "password",
        async (connection) => {
          const words = ["-n", "a b", "$(id)", "'", "\\", "", "--", "!"];
          const printed = await connection.run({ argv: ["printf", "%s\\0", ...words], root: true });
          assert.deepEqual(printed.stdout.split("\0").slice(0, -1), words);
          for (const code of [0, 1, 3, 127]) {
            const finished = await connection.run({ argv: ["sh", "-c", `echo why >&2; exit ${code}`], root: true });
            assert.deepEqual([finished.code, finished.stderr], [code, "why\n"]);
          }
        },
        ["secret"],
      ));

    it("of another account, where sudo wants that one's", () =>
      as(
        "target",
        async (connection, questions) => {
          await assert.rejects(connection.run(rootId), /web1 does not take the password of root, with which target/);
          assert.match(questions[0]!, /^Password of root,/);
        },
        ["secret", "secret", "secret"],
      ));

    it("is asked for again when it is wrong, and none is sent twice", () =>
      as(
        "password",
        async (connection, questions) => {
          const wrong = await wrongSent("password", async () => {
            // Five at once: the first one's password is judged before another is sent.
            const many = await Promise.all(Array.from({ length: 5 }, () => connection.run(rootId)));
            assert.deepEqual(
              many.map(({ stdout }) => stdout),
              Array(5).fill("0\n"),
            );
          });
          assert.deepEqual([wrong, questions.length], [1, 2]);
        },
        ["wrong", "secret"],
      ));

    it("that is wrong three times is one clear error, and is not sent a fourth time", () =>
      as(
        "password",
        async (connection, questions) => {
          const wrong = await wrongSent("password", async () => {
            for (let n = 0; n < 3; n++) {
              await assert.rejects(connection.run(rootId), (error: unknown) => {
                assert.ok(error instanceof ElevationError, String(error));
                assert.match(error.message, /^web1 does not take the password of password, with which password would/);
                assert.doesNotMatch(JSON.stringify(error) + error.stack, /wrong-/);
                return true;
              });
            }
          });
          // The third was typed for the second time, and stayed here; sudo's open question counts as a failure.
          assert.deepEqual([wrong, questions.length], [3, 3]);
        },
        ["wrong-1", "wrong-2", "wrong-1"],
      ));

    it("that is wrong where sudo asks but once is not sent twice", () =>
      as(
        "once",
        async (connection) => {
          const wrong = await wrongSent("once", async () => {
            for (let n = 0; n < 3; n++) await assert.rejects(connection.run(rootId), ElevationError);
          });
          // The question that nobody answered any more is the other one.
          assert.equal(wrong, 2);
        },
        ["wrong-1", "wrong-1", "wrong-1"],
      ));

    it("is no help to a stranger, who hears what sudo says", () =>
      as(
        "stranger",
        async (connection) => {
          await assert.rejects(connection.run(rootId), (error: unknown) => {
            isRefused(error);
            assert.match((error as ElevationError).detail ?? "", /stranger is not in the sudoers file/);
            return true;
          });
        },
        ["secret"],
      ));

    it("cannot be given to a sudo that wants a terminal, and the mend says so", () =>
      as(
        "terminal",
        async (connection, questions) => {
          await assert.rejects(connection.run(rootId), (error: unknown) => {
            isRefused(error);
            assert.match((error as ElevationError).mend, /requiretty/);
            return true;
          });
          assert.deepEqual(questions, []);
        },
        ["secret"],
      ));

    it("P18: is never asked for, nor sent, where sudo does not ask", () =>
      as(
        "everything",
        async (connection, questions) => {
          assert.equal((await connection.run({ argv: ["cat"], stdin: "in", root: true })).stdout, "in");
          assert.deepEqual(questions, []);
        },
        ["secret"],
      ));

    it("P18: is not sent to a sudo that asked before, and does not any more", () =>
      as("everything", async (connection) => {
        const fail = () => assert.fail("the password was wanted");
        const taker = { next: fail, settle: fail };
        const channel = await startBy("sudo", connection, { argv: ["cat"] }, taker);
        assert.ok("stdin" in channel);
        channel.stdin.end("in");
        assert.equal(String((await channel.stdout.toArray())[0]), "in");
      }));

    it("is not needed by a lost connection's error", () =>
      as(
        "password",
        async (connection) => {
          const waiting = connection.run({ argv: ["sleep", "600"], root: true });
          setTimeout(() => sshd.signalSessions("SIGKILL"), 2000);
          await assert.rejects(waiting, (error: { code?: string }) => error.code === "connection-lost");
        },
        ["secret"],
      ));
  });

  it("says that there is no way", async () => {
    using bare = await TestSshd.start("SetEnv PATH=/nowhere");
    writeFileSync(bare.path("known_hosts"), bare.knownHost());
    const connection = await withSshConfig(bare.path("config"), bare.hostConfig("web"), () =>
      dialer()({ node: "web1", addresses: ["web"] }),
    );
    for (const tool of ["sudo", "doas", "run0"] as const) {
      const root = new Elevator("web1", tool).over(connection);
      await assert.rejects(root.run({ argv: ["id"], root: true }), (error: unknown) => {
        assert.ok(error instanceof ElevationError, String(error));
        assert.match(error.message, new RegExp(`may not become root on web1 by ${tool} without a password`));
        return true;
      });
    }
    await connection.close();
  });
});
