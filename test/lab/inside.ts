/** Processes inside of a machine: started in its namespaces, without any network. */
import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { type Capture, capture, type Result, spawnTied } from "./exec.ts";
import { childrenOf } from "./processes.ts";

const GO_ON_MS = 2000;

/** A vector, or a script for `sh -euc`. */
export type CommandLine = readonly string[] | string;

export type InsideOptions = {
  cwd?: string;
  /** Added to a clean environment of PATH, HOME, USER and LANG. */
  env?: Record<string, string>;
  user?: string;
  /** "inherit": the process has our terminal. */
  stdio?: "pipe" | "inherit";
};
export type RunOptions = InsideOptions & {
  stdin?: string | Uint8Array;
  /** Kills the process with SIGKILL. */
  signal?: AbortSignal;
};

/** A process inside of a machine. Its standard input stays open until `child.stdin.end()`. */
export class Running {
  /** nsenter, which waits for the process and ends as it ends; the standard streams are those of the process. */
  readonly child: ChildProcess;
  readonly #capture: Capture;

  constructor(child: ChildProcess, stdin?: string | Uint8Array) {
    this.child = child;
    this.#capture = capture(child, stdin);
    this.result.catch(() => {});
  }

  /** How it ended, and all that it wrote. */
  get result(): Promise<Result> {
    return this.#capture.result;
  }

  /** What it has written so far. */
  get stdout(): string {
    return this.#capture.stdout;
  }

  get stderr(): string {
    return this.#capture.stderr;
  }

  get alive(): boolean {
    return this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Its pid as the lab sees it; undefined before nsenter has started it, and after its end. */
  get pid(): number | undefined {
    return this.child.pid === undefined ? undefined : childrenOf(this.child.pid)[0];
  }

  /** Sends a signal to the process itself (nsenter would keep it for itself); false if the process is gone. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<boolean> {
    while (this.alive) {
      const pid = this.pid;
      if (pid !== undefined) return process.kill(pid, signal);
      await sleep(1);
    }
    return false;
  }
}

export type Namespace = "mount" | "net" | "pid" | "uts" | "ipc" | "cgroup";

/** A machine as one enters it: by a process of its own, and the namespaces that it does not share with the sandbox. */
export class Inside {
  readonly #namespaces: readonly Namespace[];
  readonly #path: string;
  readonly #home: string;

  constructor(namespaces: readonly Namespace[], path: string, home = "/root") {
    this.#namespaces = namespaces;
    this.#path = path;
    this.#home = home;
  }

  /** The command line, to be run in the sandbox, of a command inside of the machine. */
  argv(target: number, command: CommandLine, options: InsideOptions = {}): string[] {
    const { user = "root", cwd = "/", env = {} } = options;
    const home = user === "root" ? this.#home : `/home/${user}`;
    const variables = { PATH: this.#path, HOME: home, USER: user, LANG: "C.UTF-8", ...env };
    return [
      ...["nsenter", "--target", String(target), ...this.#namespaces.map((namespace) => `--${namespace}`), "--"],
      ...["env", "-i", `--chdir=${cwd}`, ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)],
      ...(user === "root" ? [] : ["runuser", "-u", user, "--"]),
      ...(typeof command === "string" ? ["sh", "-euc", command] : command),
    ];
  }

  /** Starts a process. */
  spawn(target: number, command: CommandLine, options: RunOptions = {}): Running {
    const { stdin, signal, ...insideOptions } = options;
    const argv = this.argv(target, command, insideOptions);
    const running = new Running(spawnTied(argv, { stdio: options.stdio ?? "pipe" }), stdin);
    const kill = () => void running.kill("SIGKILL");
    signal?.addEventListener("abort", kill, { once: true });
    if (signal?.aborted) kill();
    // A shutdown stops all processes before it kills them. nsenter stops as its own does, and nobody inside can tell it to go on.
    const goOn = setInterval(() => running.child.kill("SIGCONT"), GO_ON_MS).unref();
    const forget = () => {
      clearInterval(goOn);
      signal?.removeEventListener("abort", kill);
    };
    running.result.then(forget, forget);
    return running;
  }

  /** Runs a process to its end. */
  async run(target: number, command: CommandLine, options: RunOptions = {}): Promise<Result> {
    return await this.spawn(target, command, { stdin: "", ...options }).result;
  }
}
