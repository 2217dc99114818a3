/** Somebody who has the deploy user's key, and a computer of their own: what they try, and what has to become of it. */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { Result } from "../../lab/exec.ts";
import type { Host } from "../../lab/host.ts";
import { type DeployUserScene, USER } from "../deploy-user.ts";

/** Stands in /root/secret of the host. No attempt may ever see it. */
export const SECRET = "the-cake-recipe-7f3a";

/** Tried by the thief; throws when it went any further than it may. The host is compared before and after. */
export type Attempt = (thief: Thief) => Promise<unknown>;

export class Thief {
  readonly ours: DeployUserScene;
  readonly host: Host;

  constructor(ours: DeployUserScene, host: Host) {
    this.ours = ours;
    this.host = host;
  }

  /** `ssh OPTIONS ci@host COMMAND`, the command as it is. */
  async ssh(options: readonly string[], command?: string, stdin = ""): Promise<Result> {
    return await this.watched(this.ours.scene.deployer.run(this.sshArgv(options, command), { stdin }));
  }

  sshArgv(options: readonly string[], command?: string, user = USER): string[] {
    const key = user === USER ? ["-i", `/root/.ssh/${USER}`] : [];
    const patience = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10"];
    const remote = command === undefined ? [] : ["--", command];
    return ["ssh", ...key, ...patience, ...options, `${user}@${this.host.name}`, ...remote];
  }

  /** A program on the thief's own computer that logs in by itself: scp, sftp. */
  async local(argv: readonly string[], stdin = ""): Promise<Result> {
    return await this.watched(this.ours.scene.deployer.run(argv, { stdin }));
  }

  /** On the host as the deploy user, as if the gate were not there: what the host itself has to refuse. */
  async beyondTheGate(command: string, stdin = ""): Promise<Result> {
    return await this.watched(this.host.run(["runuser", "-u", USER, "--", "sh", "-c", command], { stdin }));
  }

  /**
   * Runs while ssh holds a connection open, as for forwardings.
   * @param settle ms. No sign tells that sshd has dealt with all that was asked for; the looks that find something are held to it by
   * controls. 0: the look itself waits for one.
   */
  async while<T>(argv: readonly string[], look: () => Promise<T>, settle = 3000): Promise<T> {
    const running = this.ours.scene.deployer.spawn(argv);
    try {
      await pause(settle);
      return await look();
    } finally {
      await running.kill("SIGKILL");
      await running.result;
    }
  }

  private async watched(result: Promise<Result>): Promise<Result> {
    const { stdout, stderr } = await result;
    assert.ok(!(stdout + stderr).includes(SECRET), "the secret came out");
    return await result;
  }
}

/** The gate's one line, and nothing that could be the output of a program. */
export function stoppedByGate({ code, stdout }: Result): void {
  assert.match(stdout, /^\{"protocol":2,"error":"restricted","message":"this login only lets bungee deploy[^"]*"\}\n$/);
  assert.equal(code, 65);
}

/** The activator's refusal with a code, and nothing else. */
export function refusedBecause(error: string, { code, stdout, stderr }: Result): void {
  const lines = stdout.trimEnd().split("\n");
  assert.equal(lines.length, 1, stdout + stderr);
  const answer = JSON.parse(lines[0]!) as { error?: string };
  assert.equal(answer.error, error, stdout);
  assert.ok([64, 65, 66, 75].includes(code), `exit code ${code}`);
}

/** Not let in, or the client's request was turned down; nothing of a program's output. */
export function failed({ code, stdout }: Result): void {
  assert.notEqual(code, 0);
  assert.doesNotMatch(stdout, /uid=|root:|SSH-2\.0/);
}
