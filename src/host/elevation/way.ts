/** The ways in which a user may become root on a host: what stands before a command, and how each tells that it will not. */
import type { Command } from "../../process.ts";
import type { Channel, Connection } from "../connection.ts";
import type { Verdict } from "./shared-password.ts";
import { StartSigns } from "./start-signs.ts";

export type Tool = "sudo" | "doas" | "run0";

/** A shell's exit code. */
const NOT_FOUND = 127;

/** The command was not started. */
export class Refusal {
  readonly tool: Tool;
  /** Whose password the host did not take; undefined where it was not about one. */
  readonly password: string | undefined;
  /** What the tool said. */
  readonly said: string;
  /** There is no such tool on the host. */
  readonly absent: boolean;

  constructor(tool: Tool, said: string, { code, password }: { code?: number | null; password?: string } = {}) {
    this.tool = tool;
    this.said = said;
    this.password = password;
    this.absent = code === NOT_FOUND;
  }
}

/** One host's password: what to try, and what became of it. */
export interface PasswordTaker {
  /** undefined: there is none to try. `settle` has to follow on one. */
  next(account: string): Promise<Buffer | undefined>;
  settle(password: Buffer, verdict: Verdict): void;
}

/** sudo -n never asks. What is put before the command's own words leaves them as they are: a rule on the host may name them. */
export const sudoSilently = (command: Command): Command => ({
  ...command,
  argv: ["sudo", "-n", "--", ...command.argv],
});

/** For sudo -n alone, whose refusal looks like a failure of the command: asked after one that ended without having printed anything. */
export async function sudoRefused(bare: Connection, command: Command, code: number | null): Promise<boolean> {
  // sudo says 1 whenever it does not start the command, the shell 127 where there is no sudo. Both could be the command's own.
  if (code === NOT_FOUND) return !(await succeeds(bare, "sh", "-c", "command -v sudo"));
  if (code !== 1) return false;
  return !(await succeeds(bare, "sudo", "-n", "true")) && !(await sudoAllows(bare, command));
}

/** Who may run one command only may not run `true`, but may ask about that command. */
export const sudoAllows = (bare: Connection, command: Command): Promise<boolean> =>
  succeeds(bare, "sudo", "-n", "-l", "--", ...command.argv);

const succeeds = async (bare: Connection, ...argv: [string, ...string[]]): Promise<boolean> =>
  (await bare.run({ argv })).code === 0;

/**
 * Starts a command by a way that tells of the start. Its standard input is the caller's from then on.
 * -k: a password that was given a minute ago does not count, and this one will not either, so that it is certain who reads what.
 */
export async function startBy(
  tool: Tool,
  bare: Connection,
  command: Command,
  password: PasswordTaker,
): Promise<Channel | Refusal> {
  for (;;) {
    const signs = new StartSigns();
    const before = {
      sudo: ["sudo", "-k", "-S", "-p", signs.prompt, "--"],
      doas: ["doas", "-n", "--"],
      run0: ["run0", "--no-ask-password", "--"],
    }[tool] as [string, ...string[]];
    const channel = await bare.open({ argv: [...before, ...signs.announced(command.argv)] });
    try {
      const result = await awaitStart(tool, channel, signs, password);
      if (result === "started") return channel;
      channel.close();
      if (result !== "late") return result;
    } catch (error) {
      channel.close();
      throw error;
    }
  }
}

async function awaitStart(
  tool: Tool,
  channel: Channel,
  signs: StartSigns,
  password: PasswordTaker,
): Promise<"started" | "late" | Refusal> {
  let ended = false;
  const mark = () => {
    ended = true;
  };
  channel.exited.then(mark, mark);
  let sent: Buffer | undefined;
  for (;;) {
    const sign = await signs.next(channel.stderr);
    // Asked once more, or ended after the answer: whatever the reason is, that password is not sent to this host again.
    if (sent) password.settle(sent, sign === "started" ? "accepted" : "refused");
    if (sign === "started") return sign;
    if (sign === undefined) {
      // A lost connection is no refusal.
      const { code } = await channel.exited;
      return new Refusal(tool, signs.said, { code });
    }
    sent = await password.next(sign.asksFor);
    if (sent === undefined) return new Refusal(tool, signs.said, { password: sign.asksFor });
    // sudo waits for five minutes; a person may have needed longer. It says so, and may take a while to end.
    if (ended || channel.stderr.readableLength > 0) {
      password.settle(sent, "unsent");
      return "late";
    }
    const line = Buffer.concat([sent, Buffer.from("\n")]);
    channel.stdin.write(line, () => line.fill(0));
  }
}
