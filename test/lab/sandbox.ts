/** The sandbox of a run: how it is entered from outside, and how one knows that one is inside. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupBase, cgroupVariable, makeSandboxCgroup, removeCgroup, sweepCgroups } from "./cgroup.ts";
import { adminEnv, ended, spawnTied } from "./exec.ts";
import { childrenOf } from "./processes.ts";

const namespaces = ["--mount", "--net", "--pid", "--uts", "--ipc", "--mount-proc", "--propagation", "private"];
const asRoot = process.getuid?.() === 0;

/**
 * Where all processes of Node in a sandbox, those in workstations included, share what they have compiled: half of a start. On the
 * sandbox's own /run (sandbox.sh): gone with it.
 */
export const compiled = "/run/lab/compiled";

/** The cgroup that the sandbox lends to its labs; undefined outside of a sandbox. */
export function sandboxCgroup(): string | undefined {
  return process.env[cgroupVariable];
}

/** For `describe` and `it`: skips what needs hosts, with the way to run it, outside of a sandbox. */
export const needsSandbox = {
  skip: process.env[cgroupVariable] ? false : "needs a sandbox: node test/lab/enter.ts -- node --test FILE",
};

export type SandboxOptions = {
  /** "inherit": the command has our terminal. "ignore": it has none, and `stderr` collects why it failed. */
  stdio?: "inherit" | "ignore";
  stderr?: (text: string) => void;
  /** Is told the machine's pid of the sandbox's first process. */
  started?: (pid: number) => void;
};

/** Runs a command in a new sandbox and gives its exit code. When we die, everything in the sandbox dies. */
export async function inSandbox(argv: readonly string[], options: SandboxOptions = {}): Promise<number> {
  const base = cgroupBase()!;
  sweepCgroups(base);
  raiseInotifyLimit();
  const cgroup = makeSandboxCgroup(base);
  const mode = options.stdio ?? "inherit";
  const child = spawnTied(entrance(argv), {
    stdio: [mode, mode, mode === "inherit" ? mode : "pipe"],
    env: { ...adminEnv(), [cgroupVariable]: cgroup, NODE_COMPILE_CACHE: compiled },
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => options.stderr?.(text));
  const init = () => childrenOf(child.pid!)[0];
  const stopForwarding = forwardSignals(init);
  try {
    child.once("spawn", () => options.started?.(child.pid!));
    return (await ended(child, "close")).code;
  } finally {
    stopForwarding();
    await removeCgroup(cgroup);
  }
}

/**
 * The command line that enters the namespaces. `unshare --user` makes the kernel forget whose death to watch, so it
 * comes first.
 */
function entrance(argv: readonly string[]): string[] {
  const init = [join(import.meta.dirname, "sandbox.sh"), ...argv];
  const enter = ["unshare", ...namespaces, "--fork", "--kill-child=SIGKILL", "--", "sh", ...init];
  if (asRoot) return enter;
  return ["unshare", "--user", "--map-root-user", "--map-auto", "--", "setpriv", "--pdeathsig", "KILL", "--", ...enter];
}

/** The command line, to be run outside, of a command in the sandbox whose first process is `init`. */
export function nsenterArgv(init: number, argv: readonly string[]): string[] {
  const user = asRoot ? [] : ["--user", "--preserve-credentials"];
  return ["nsenter", "--target", String(init), ...user, "--mount", "--net", "--pid", "--uts", "--ipc", "--", ...argv];
}

/**
 * Each systemd host takes several inotify instances; the default of 128 is used up by some sixteen. Only root may
 * raise it.
 */
function raiseInotifyLimit(): void {
  const limit = "/proc/sys/fs/inotify/max_user_instances";
  try {
    if (Number(readFileSync(limit, "utf8")) < 8192) writeFileSync(limit, "8192");
  } catch {
    // rootless: fewer hosts at once
  }
}

/**
 * Hands the signals that ask us to stop to the sandbox's init; `unshare` in between does not. A terminal's Ctrl-C
 * gets there by itself.
 */
function forwardSignals(init: () => number | undefined): () => void {
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  const forward = (signal: NodeJS.Signals) => {
    const pid = init();
    if (pid && !(signal === "SIGINT" && process.stdin.isTTY)) process.kill(pid, signal);
  };
  for (const signal of signals) process.on(signal, forward);
  return () => {
    for (const signal of signals) process.off(signal, forward);
  };
}
