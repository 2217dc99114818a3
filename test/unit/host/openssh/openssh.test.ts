import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ConnectionLostError, LoginError } from "../../../../src/errors.ts";
import type { Connection, ConnectOptions } from "../../../../src/host/connection.ts";
import { connect } from "../../../../src/host/dial.ts";
import { Secrets } from "../../../../src/host/secrets.ts";
import { noSshd, TestSshd, withSshConfig } from "../sshd.ts";

/** What is openssh's own: its processes, its sockets, its questions. What both transports promise is in the other files. */
describe("the ssh that we run", { skip: noSshd }, () => {
  let sshd: TestSshd;
  let temporary: string;
  const log: string[] = [];
  before(async () => {
    sshd = await TestSshd.start("LogLevel VERBOSE");
    sshd.onLine = (line) => log.push(line);
    writeFileSync(sshd.path("known_hosts"), sshd.knownHost());
    temporary = sshd.path("tmp");
    mkdirSync(temporary);
  });
  after(() => sshd[Symbol.dispose]());

  /** Its sockets stand in a directory of the test's own. */
  async function open(config = sshd.hostConfig("web"), options: ConnectOptions = {}): Promise<Connection> {
    const before = process.env.TMPDIR;
    process.env.TMPDIR = temporary;
    try {
      return await withSshConfig(sshd.path("config"), config, () =>
        connect({ node: "web1", addresses: ["web"], ssh: "openssh" }, options),
      );
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
  }

  /** Processes that have to do with our sockets. */
  const ours = () =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => {
        try {
          const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
          return words.some((word) => word.includes(`${temporary}/`)) ? [{ pid: Number(pid), program: words[0]! }] : [];
        } catch {
          return [];
        }
      });
  async function nothingIsLeft(): Promise<void> {
    const deadline = performance.now() + 10_000;
    const left = () => [...ours().map(({ program }) => program), ...readdirSync(temporary), ...sshd.sessions()];
    while (left().length > 0) {
      assert.ok(performance.now() < deadline, `left behind: ${left().join(" ")}`);
      await pause(20);
    }
  }

  it("logs in once, over one TCP connection, for all commands", async () => {
    log.length = 0;
    const connection = await open();
    await Promise.all(Array.from({ length: 10 }, () => connection.run({ argv: ["true"] })));
    await connection.close();
    const count = (what: RegExp) => log.filter((line) => what.test(line)).length;
    assert.deepEqual([count(/^Connection from/), count(/^Accepted publickey/)], [1, 1]);
  });

  it("leaves no process, no socket and no file behind", async () => {
    const connection = await open();
    const [directory] = readdirSync(temporary);
    assert.ok(existsSync(`${temporary}/${directory}/socket`));
    assert.ok(ours().some(({ program }) => program === "ssh"));
    await connection.close();
    assert.deepEqual(readdirSync(temporary), []);
    await nothingIsLeft();
  });

  it("leaves nothing behind where it could not log in", async () => {
    await assert.rejects(open(sshd.hostConfig("web", `UserKnownHostsFile ${sshd.path("none")}`)));
    await assert.rejects(open(sshd.hostConfig("web", "User nobody")), LoginError);
    await assert.rejects(open(sshd.hostConfig("web", "ProxyCommand sleep 60"), { timeoutMs: 500 }), /no answer/);
    await nothingIsLeft();
  });

  for (const [how, signal] of [
    ["is killed", "SIGKILL"],
    ["leaves at once", "SIGUSR2"],
  ] as const) {
    it(`ends when bungee ${how}, and takes its socket with it`, async () => {
      const script = `
        import { connect } from ${JSON.stringify(new URL("../../../../src/host/dial.ts", import.meta.url).href)};
        process.once("SIGUSR2", () => process.exit(3));
        const connection = await connect({ node: "web1", addresses: ["web"], ssh: "openssh" });
        connection.run({ argv: ["sleep", "600"] }).catch(() => {});
        console.log("up");
        setInterval(() => {}, 1000);`;
      writeFileSync(sshd.path("config"), sshd.hostConfig("web"));
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
        env: { ...process.env, BUNGEE_SSH_CONFIG: sshd.path("config"), TMPDIR: temporary },
        stdio: ["ignore", "pipe", "inherit"],
      });
      const ended = new Promise((resolve) => child.once("exit", resolve));
      await new Promise((resolve) => child.stdout.once("data", resolve));
      assert.ok(ours().some(({ program }) => program === "ssh"));
      child.kill(signal);
      await ended;
      await nothingIsLeft();
    });
  }

  it("that somebody kills is a lost connection", async () => {
    const connection = await open();
    const running = connection.run({ argv: ["sleep", "60"] });
    await pause(100);
    process.kill(ours().find(({ program }) => program === "ssh")!.pid, "SIGKILL");
    await assert.rejects(running, (error) => {
      assert.ok(error instanceof ConnectionLostError);
      assert.match(error.message, /is lost: its ssh ended with 137/);
      return true;
    });
    await connection.close();
    await nothingIsLeft();
  });

  it("shares nobody else's connection, and leaves none for others", async () => {
    const path = sshd.path("theirs");
    const config = sshd.hostConfig("web", "ControlMaster auto", `ControlPath ${path}`, "ControlPersist 60");
    writeFileSync(sshd.path("config"), config);
    const ssh = (...words: string[]) => spawnSync("ssh", ["-F", sshd.path("config"), ...words], { encoding: "utf8" });
    const theirs = ssh("web", "echo $SSH_CONNECTION").stdout;
    assert.ok(existsSync(path));
    const connection = await open(config);
    const { stdout } = await connection.run({ argv: ["sh", "-c", "echo $SSH_CONNECTION"] });
    assert.notEqual(stdout, theirs);
    ssh("-O", "exit", "web");
    assert.equal((await connection.run({ argv: ["echo", "on"] })).stdout, "on\n");
    await connection.close();
    assert.ok(!existsSync(path));
  });

  it("does only what it is run for, whatever else ssh_config wants for this host", async () => {
    const trap = sshd.path("trap");
    const connection = await open(
      sshd.hostConfig(
        "web",
        "RemoteCommand echo not this",
        "RequestTTY force",
        "PermitLocalCommand yes",
        `LocalCommand touch ${trap}`,
        `LocalForward ${sshd.path("forward")} 127.0.0.1:1`,
        "ExitOnForwardFailure yes",
        "ForwardAgent yes",
        "LogLevel QUIET",
        "StdinNull yes",
        "ForkAfterAuthentication no",
      ),
    );
    assert.deepEqual(await connection.run({ argv: ["sh", "-c", "cat; test -t 0; echo $?"], stdin: "in " }), {
      code: 0,
      signal: null,
      stdout: "in 1\n",
      stderr: "",
    });
    await connection.close();
    assert.deepEqual([existsSync(trap), existsSync(sshd.path("forward"))], [false, false]);
  });

  describe("and a key with a passphrase", () => {
    const locked = () => sshd.path("locked");
    const config = () =>
      sshd.hostConfig("web", `IdentityFile ${locked()}`).replace(`\n  IdentityFile ${sshd.path("id")}`, "");
    before(() => {
      sshd.makeKey("locked", "-N", "open sesame");
      writeFileSync(sshd.path("authorized"), readFileSync(`${locked()}.pub`));
    });
    after(() => writeFileSync(sshd.path("authorized"), readFileSync(sshd.path("id.pub"))));

    it("has it from a person, who is asked once for all connections", async () => {
      const questions: string[] = [];
      const answers = ["wrong", "open sesame"];
      using secrets = new Secrets({
        prompt: async (question) => {
          questions.push(question);
          // A person takes longer than a login may.
          await pause(5500);
          return Buffer.from(answers.shift() ?? "none");
        },
      });
      const [one, two] = await Promise.all([
        open(config(), { secrets, timeoutMs: 10_000 }),
        open(config(), { secrets, timeoutMs: 10_000 }),
      ]);
      await (await open(config(), { secrets })).close();
      assert.equal((await one!.run({ argv: ["echo", "in"] })).stdout, "in\n");
      await Promise.all([one!.close(), two!.close()]);
      assert.deepEqual(questions, [`Passphrase of ${locked()}: `, `Wrong. Passphrase of ${locked()}: `]);
      await nothingIsLeft();
    });

    it("shows the passphrase to nobody on the way: no argument, variable or file holds it", async () => {
      using secrets = new Secrets({ prompt: async () => Buffer.from("open sesame") });
      const seen: string[] = [];
      let looking = true;
      const files = () => {
        try {
          return readdirSync(temporary, { recursive: true, withFileTypes: true });
        } catch (error) {
          // A directory went away while we looked.
          if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
          return [];
        }
      };
      const look = async () => {
        while (looking) {
          for (const { pid } of ours()) {
            for (const name of ["cmdline", "environ"]) {
              try {
                seen.push(readFileSync(`/proc/${pid}/${name}`, "latin1"));
              } catch {
                // It ended while we looked.
              }
            }
          }
          for (const file of files()) {
            try {
              if (file.isFile()) seen.push(readFileSync(`${file.parentPath}/${file.name}`, "latin1"));
            } catch {
              // It is gone.
            }
          }
          await pause(1);
        }
      };
      const watching = look();
      await (await open(config(), { secrets })).close();
      looking = false;
      await watching;
      assert.ok(
        seen.some((text) => text.includes("askpass")),
        "the helper was seen",
      );
      assert.ok(!seen.some((text) => text.includes("sesame")));
    });

    it("fails without a person, and says why", async () => {
      for (const secrets of [undefined, new Secrets()]) {
        await assert.rejects(open(config(), secrets ? { secrets } : {}), (error) => {
          assert.ok(error instanceof LoginError);
          assert.match(error.mend, /ssh-add/);
          return true;
        });
      }
      rmSync(sshd.path("none"), { force: true });
    });
  });
});
