import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { HostKeyError, UnreachableError } from "../../../src/errors.ts";
import { freePort, noSshd, TestSshd } from "./sshd.ts";
import { failureOver, TRANSPORTS, visitOver } from "./visit.ts";

for (const ssh of TRANSPORTS) {
  const visit = visitOver(ssh);
  const failure = failureOver(ssh);

  describe(`connecting by ${ssh} on a roundabout way`, { skip: noSshd }, () => {
    let sshd: TestSshd;
    before(async () => {
      sshd = await TestSshd.start();
      writeFileSync(sshd.path("known_hosts"), sshd.knownHost());
    });
    after(() => sshd[Symbol.dispose]());

    it("through a jump host, each with its own settings and host key", async () => {
      using jump = await TestSshd.start();
      writeFileSync(jump.path("known_hosts"), jump.knownHost());
      const config = `${jump.hostConfig("jump")}\n${sshd.hostConfig("web", "ProxyJump jump")}`;
      assert.match(await visit(sshd, config), /^web 127\.0\.0\.1/);
      const deadline = performance.now() + 20_000;
      while (jump.sessions().length + sshd.sessions().length > 0) {
        assert.ok(performance.now() < deadline, "something stays open");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }

      writeFileSync(jump.path("known_hosts"), "");
      const error = await failure(sshd, config);
      assert.ok(error instanceof HostKeyError);
      assert.equal(error.message, `at the jump host jump: the host key of [127.0.0.1]:${jump.port} is not known`);
    });

    it("through two jump hosts", async () => {
      using one = await TestSshd.start();
      using two = await TestSshd.start();
      for (const each of [one, two]) writeFileSync(each.path("known_hosts"), each.knownHost());
      const config = [one.hostConfig("one"), two.hostConfig("two"), sshd.hostConfig("web", "ProxyJump one,two")].join(
        "\n",
      );
      assert.match(await visit(sshd, config), /^web/);
    });

    it("says that the jump host cannot go on", async () => {
      using jump = await TestSshd.start();
      writeFileSync(jump.path("known_hosts"), jump.knownHost());
      const port = await freePort();
      const error = await failure(
        sshd,
        `${jump.hostConfig("jump")}\n${sshd.hostConfig("web", "ProxyJump jump", `Port ${port}`)}`,
      );
      assert.ok(error instanceof UnreachableError);
      assert.match(error.message, /the jump host cannot reach 127\.0\.0\.1 port \d+: /);
    });

    it("gives up on a host behind it that does not even take the connection", async () => {
      using jump = await TestSshd.start();
      writeFileSync(jump.path("known_hosts"), jump.knownHost());
      await using silent = await SilentPort.open();
      const start = performance.now();
      const error = await failure(
        sshd,
        `${jump.hostConfig("jump")}\n${sshd.hostConfig("web", "ProxyJump jump", `Port ${silent.port}`)}`,
        {},
        { timeoutMs: 8000 },
      );
      assert.ok(performance.now() - start < 20_000);
      assert.ok(error instanceof UnreachableError && !error.answered, error.message);
    });

    it("does not go round in circles", async () => {
      const config = [sshd.hostConfig("web", "ProxyJump other"), sshd.hostConfig("other", "ProxyJump web")].join("\n");
      assert.match((await failure(sshd, config)).message, /too many jump hosts/);
    });

    it("through a ProxyCommand, which ends with the connection", async () => {
      const pid = sshd.path("proxy.pid");
      const relay = `${process.execPath} -e 'require("fs").writeFileSync("${pid}",String(process.pid));const s=require("net").connect(%p,"%h");process.stdin.pipe(s);s.pipe(process.stdout)'`;
      assert.match(await visit(sshd, sshd.hostConfig("web", `ProxyCommand ${relay}`)), /^web 127/);
      const deadline = performance.now() + 20_000;
      while (isAlive(Number(readFileSync(pid, "utf8")))) {
        assert.ok(performance.now() < deadline, "it runs still");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });

    it("gives up on a ProxyCommand that is silent", async () => {
      const error = await failure(
        sshd,
        sshd.hostConfig("web", "ProxyCommand sh -c 'echo waiting >&2; exec sleep 60'"),
        {},
        { timeoutMs: 3000 },
      );
      assert.ok(error instanceof UnreachableError && !error.answered);
      assert.match(error.message, /port \d+: no answer \(waiting\)/);
    });

    it("tells what a ProxyCommand complains about", async () => {
      const error = await failure(
        sshd,
        sshd.hostConfig("web", "ProxyCommand sh -c 'echo cannot go there >&2; sleep 0.2; exit 1'"),
      );
      assert.ok(error instanceof UnreachableError);
      assert.match(error.message, /\(cannot go there\)/);
    });
  });
}

/** Nobody takes connections there, and what the kernel takes for them is used up: as a firewall that drops in silence. */
class SilentPort implements AsyncDisposable {
  readonly port: number;
  readonly #stop: () => void;

  private constructor(port: number, stop: () => void) {
    this.port = port;
    this.#stop = stop;
  }

  static async open(): Promise<SilentPort> {
    const script = `const s = require("net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
      console.log(s.address().port); process.kill(process.pid, "SIGSTOP"); });`;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const port = Number(line.toString());
    const callers: Socket[] = [];
    const silent = new SilentPort(port, () => {
      for (const caller of callers) caller.destroy();
      child.kill("SIGKILL");
    });
    for (;;) {
      const caller = connect(port, "127.0.0.1").on("error", () => {});
      callers.push(caller);
      const taken = await Promise.race([once(caller, "connect").then(() => true), pause(500, false)]);
      if (!taken) return silent;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
