/** The one place that starts a local process. Every child leads a process group of its own, and none outlives bungee. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { MissingToolError } from "./errors.ts";

/**
 * A command is a value: whoever builds it does not run it, whoever runs it (here, or over ssh) does not change it.
 * Quoting happens once, at the transport.
 */
export interface Command {
  readonly argv: readonly [string, ...string[]];
  /** Written to its standard input, which is then closed. */
  readonly stdin?: string | Uint8Array;
  /** Wants to run as root on the host; the elevation in force knows how. */
  readonly root?: boolean;
}

export interface Exit {
  /** null: ended by `signal`. */
  readonly code: number | null;
  readonly signal: string | null;
}

export interface Finished extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Ends the command (locally its whole process group) when aborted; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onStdout?: (chunk: Buffer) => void;
  readonly onStderr?: (chunk: Buffer) => void;
  /** Bytes kept of stdout and of stderr, each; the end is kept, the beginning goes. Default 64 MiB. */
  readonly keep?: number;
}

export interface LocalOptions extends RunOptions {
  /** Of stderr, where that differs: 0 for who reads it as it comes. */
  readonly keepStderr?: number;
  readonly cwd?: string;
  /** Added to the environment; undefined removes. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Told the process id once it runs, for whoever watches how much memory it takes. */
  readonly onSpawn?: (pid: number) => void;
}

export interface LocalProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exited: Promise<Exit>;
  /** TERM to the whole group, then KILL after two seconds. */
  end(): void;
}

const KEEP = 64 * 1024 * 1024;
const running = new Set<ChildProcess>();

// No build and no copy goes on printing into the operator's shell. nix has a moment to end its own builders, which are in no group
// of ours; nothing but waiting in place is possible here.
process.on("exit", () => {
  // What is killed takes a moment too: a large evaluation has much to give back.
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    for (const child of running) killGroup(child, signal);
    const deadline = Date.now() + LAST_MOMENT_MS;
    while ([...running].some(isAtWork) && Date.now() < deadline) Atomics.wait(PAUSE, 0, 0, 20);
  }
});
const LAST_MOMENT_MS = 1000;
/** Nix that is killed leaves its builders behind. Less than a CI runner gives us, which sends its second signal after 7.5 s. */
const TO_END_MS = 5000;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));

/** Not yet ended: a process that nobody has waited for is still in the table, as a zombie. Where there is no /proc, it may be. */
function isAtWork({ pid }: ChildProcess): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return !existsSync("/proc/self/status");
  }
}

/** @throws MissingToolError when the program is not there. A failing exit code is a result, not an error. */
export async function runLocal(command: Command, options: LocalOptions = {}): Promise<Finished> {
  options.signal?.throwIfAborted();
  const child = await spawnLocal(command, options);
  const stop = () => child.end();
  options.signal?.addEventListener("abort", stop, { once: true });
  try {
    // A child that exits before it has read everything gives EPIPE here; its exit code tells the story.
    child.stdin.on("error", () => {});
    child.stdin.end(command.stdin ?? "");
    const [stdout, stderr, exit] = await Promise.all([
      collect(child.stdout, options.keep ?? KEEP, options.onStdout),
      collect(child.stderr, options.keepStderr ?? options.keep ?? KEEP, options.onStderr),
      child.exited,
    ]);
    options.signal?.throwIfAborted();
    return { ...exit, stdout, stderr };
  } finally {
    options.signal?.removeEventListener("abort", stop);
  }
}

/** Starts a process whose streams the caller handles. @throws MissingToolError when the program is not there. */
export async function spawnLocal(command: Command, options: LocalOptions = {}): Promise<LocalProcess> {
  const [program, ...args] = command.argv;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    // Its own group: the terminal's Ctrl-C reaches bungee alone, which then decides what ends and when.
    detached: true,
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) => {
      reject(
        new MissingToolError(`cannot run ${program}: ${cause.message}`, {
          mend: `install ${program}, or put it on PATH`,
          cause,
        }),
      );
    });
  });
  running.add(child);
  options.onSpawn?.(child.pid!);
  const exited = new Promise<Exit>((resolve) => {
    child.once("close", (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    end() {
      killGroup(child, "SIGTERM");
      setTimeout(() => running.has(child) && killGroup(child, "SIGKILL"), TO_END_MS).unref();
    },
  };
}

/** Reads a stream to its end as UTF-8, keeping the last `keep` bytes. */
export async function collect(stream: Readable, keep = KEEP, onChunk?: (chunk: Buffer) => void): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    onChunk?.(chunk);
    chunks.push(chunk);
    size += chunk.length;
    while (chunks.length > 1 && size - chunks[0]!.length >= keep) size -= chunks.shift()!.length;
  }
  const all = Buffer.concat(chunks);
  return all.subarray(Math.max(0, all.length - keep)).toString("utf8");
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}
