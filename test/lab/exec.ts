/**
 * Starts the processes of the lab. Each dies with the process that started it, also when that one is killed by
 * SIGKILL.
 */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { constants } from "node:os";

/** How a process ended. `code` is as a shell has it: 128 + n after signal n. */
export type Result = { code: number; signal: NodeJS.Signals | null; stdout: string; stderr: string };

export type ExecOptions = {
  stdin?: string | Uint8Array;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Kills the process with SIGKILL. */
  signal?: AbortSignal;
};

/** An error of the lab itself, told in one line. */
export class LabError extends Error {
  override name = "LabError";
}

/**
 * Like `spawn`, and the kernel kills the child when we die. Call it on the main thread: the kernel watches the
 * thread.
 */
export function spawnTied(argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
  return spawn("setpriv", ["--pdeathsig", "KILL", "--", ...argv], options);
}

/** What a child has written so far, and how it ends. */
export type Capture = { readonly stdout: string; readonly stderr: string; readonly result: Promise<Result> };

/**
 * Reads what a child writes, until it ends. Call it in the turn that spawned the child: Node throws away what nobody
 * reads.
 */
export function capture(child: ChildProcess, stdin?: string | Uint8Array): Capture {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout?.on("data", (chunk: Buffer) => chunks.stdout.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => chunks.stderr.push(chunk));
  child.stdin?.on("error", () => {}); // it need not read all that we say
  if (stdin !== undefined) child.stdin?.end(stdin);
  const text = {
    get stdout() {
      return Buffer.concat(chunks.stdout).toString();
    },
    get stderr() {
      return Buffer.concat(chunks.stderr).toString();
    },
  };
  const result = ended(child, "close").then((end) => ({ ...end, stdout: text.stdout, stderr: text.stderr }));
  return Object.defineProperty(text, "result", { value: result }) as Capture;
}

/** Resolves at `exit` (the process is gone) or at `close` (and everything that it wrote was read). */
export function ended(child: ChildProcess, event: "exit" | "close"): Promise<Pick<Result, "code" | "signal">> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once(event, (code: number | null, signal: NodeJS.Signals | null) =>
      resolve({ code: code ?? 128 + (signal ? constants.signals[signal] : 0), signal }),
    );
  });
}

/** Runs a process to its end, whatever the end. */
export async function exec(argv: readonly string[], options: ExecOptions = {}): Promise<Result> {
  const { stdin, signal, ...spawnOptions } = options;
  const child = spawnTied(argv, { ...spawnOptions, stdio: "pipe" });
  const kill = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", kill, { once: true });
  if (signal?.aborted) kill();
  try {
    return await capture(child, stdin ?? "").result;
  } finally {
    signal?.removeEventListener("abort", kill);
  }
}

/** Runs a process that has to succeed, and gives its standard output. */
export async function must(argv: readonly string[], options: ExecOptions = {}): Promise<string> {
  return demand(argv, await exec(argv, options));
}

/** The standard output of a process that has succeeded; throws what it said otherwise. */
export function demand(argv: readonly string[], result: Result): string {
  if (result.code === 0) return result.stdout;
  const said = result.stderr.trim() || result.stdout.trim() || "no output";
  throw new LabError(`${argv.join(" ")}: exit ${result.code}: ${said}`);
}

/** A command line as a shell reads it. */
export function quote(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}

/** Our environment with the administrator's programs (ip, chroot, …), which users do not have in their PATH. */
export function adminEnv(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
}
