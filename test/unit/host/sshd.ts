/** A real sshd of the test's own, on a high port of the loopback, with keys and an ssh_config that nobody else has. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { sandboxCgroup } from "../../lab/sandbox.ts";

export const SSHD = ["/usr/sbin/sshd", "/run/current-system/sw/bin/sshd"].find(exists);

/** Why tests with an sshd cannot run here; false when they can. */
export const noSshd: string | false = SSHD
  ? false
  : "no sshd here: apt-get install --no-install-recommends openssh-server";

/** Nobody else's mounts are touched here. */
export const inSandbox = sandboxCgroup() !== undefined;

export class TestSshd implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "bungee-sshd-"));
  readonly user = userInfo().username;
  port = 0;
  /** Lines of sshd_config that count before its own; a change counts from the next `listen`. */
  readonly settings: string[];
  /** Is told what sshd logs. */
  onLine: (line: string) => void = () => {};
  #process: ChildProcess | undefined;

  private constructor(settings: string[]) {
    this.settings = settings;
    this.makeKey("host");
    this.makeKey("id");
    writeFileSync(this.path("authorized"), readFileSync(this.path("id.pub")), { mode: 0o600 });
  }

  static async start(...settings: string[]): Promise<TestSshd> {
    const sshd = new TestSshd(settings);
    sshd.port = await freePort();
    await sshd.listen();
    return sshd;
  }

  /** @param wrapper words of a command that runs the sshd given to it */
  async listen(...wrapper: string[]): Promise<void> {
    // sshd started by root wants it; the package makes it when the service starts.
    if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
    const config = [
      ...this.settings,
      `Port ${this.port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${this.path("host")}`,
      `AuthorizedKeysFile ${this.path("authorized")}`,
      `PidFile ${this.path("pid")}`,
      "PermitRootLogin yes",
      "StrictModes no",
      "UsePAM no",
      "UseDNS no",
      // The person's own shell start-up files are none of the tests' business.
      `SetEnv HOME=${this.directory}`,
    ];
    writeFileSync(this.path("sshd_config"), `${config.join("\n")}\n`);
    const [program, ...args] = [...wrapper, SSHD!, "-D", "-e", "-f", this.path("sshd_config")];
    const child = spawn(program!, args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#process = child;
    const lines = createInterface({ input: child.stderr! });
    await new Promise<void>((resolve, reject) => {
      const said: string[] = [];
      lines.on("line", (line) => {
        said.push(line);
        this.onLine(line);
        if (line.includes("Server listening")) resolve();
      });
      child.once("exit", () => reject(new Error(`sshd did not start: ${said.join("; ")}`)));
    });
  }

  /** Listens anew, as a host on which our user has this login shell. Only where we may mount: as root, and in the sandbox. */
  async listenWithShell(shell: string): Promise<void> {
    const passwd = readFileSync("/etc/passwd", "utf8").replace(
      new RegExp(`^(${this.user}:.*:)[^:]*:[^:]*$`, "m"),
      (_, account) => `${account}${this.directory}:${shell}`,
    );
    writeFileSync(this.path("passwd"), passwd);
    await this.stopListening();
    const script = 'mount --bind "$1" /etc/passwd && shift && exec "$@"';
    await this.listen("unshare", "--mount", "sh", "-c", script, "sh", this.path("passwd"));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Signs a key by another, an authority; the certificate is beside the key. */
  sign(key: string, authority: string, ...args: string[]): string {
    const words = ["-q", "-s", this.path(authority), "-I", key, ...args, this.path(`${key}.pub`)];
    execFileSync("ssh-keygen", words, { stdio: "ignore" });
    return this.path(`${key}-cert.pub`);
  }

  makeKey(name: string, ...args: string[]): string {
    rmSync(this.path(name), { force: true });
    const type = args.includes("-t") ? [] : ["-t", "ed25519"];
    const passphrase = args.includes("-N") ? [] : ["-N", ""];
    execFileSync("ssh-keygen", ["-q", ...type, ...passphrase, "-C", name, "-f", this.path(name), ...args]);
    return this.path(name);
  }

  publicKey(name: string): string {
    return readFileSync(this.path(`${name}.pub`), "utf8")
      .split(" ")
      .slice(0, 2)
      .join(" ");
  }

  /** The line of known_hosts that makes this sshd known. */
  knownHost(key = "host", name = `[127.0.0.1]:${this.port}`): string {
    return `${name} ${this.publicKey(key)}\n`;
  }

  /** Lines of ssh_config for a Host that leads here. `extra` comes first, so it counts. */
  hostConfig(alias: string, ...extra: string[]): string {
    const settings = [
      ...extra,
      "HostName 127.0.0.1",
      `Port ${this.port}`,
      `User ${this.user}`,
      `IdentityFile ${this.path("id")}`,
      "IdentityAgent none",
      `UserKnownHostsFile ${this.path("known_hosts")}`,
      "GlobalKnownHostsFile /dev/null",
    ];
    return [`Host ${alias}`, ...settings.map((line) => `  ${line}`)].join("\n");
  }

  /** The processes that serve connections now: all below the listening one, deepest last. */
  sessions(): number[] {
    const parents = new Map(allProcesses());
    const below = (pid: number): number[] =>
      [...parents].filter(([, parent]) => parent === pid).flatMap(([child]) => [child, ...below(child)]);
    return below(this.#process!.pid!);
  }

  /** To every process that serves a connection, commands included. */
  signalSessions(signal: NodeJS.Signals): void {
    for (const pid of this.sessions()) {
      try {
        process.kill(pid, signal);
      } catch {
        // It ended by itself.
      }
    }
  }

  /** Nobody listens any more; connections that are there live on. */
  async stopListening(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null) return;
    await new Promise((resolve) => {
      child.once("exit", resolve);
      child.kill("SIGKILL");
    });
  }

  [Symbol.dispose](): void {
    this.signalSessions("SIGCONT");
    this.signalSessions("SIGKILL");
    this.#process?.kill("SIGKILL");
    rmSync(this.directory, { recursive: true, force: true });
  }
}

let portsTried = 0;
/** Below those that the kernel gives out: nobody is given it before it is used. */
export async function freePort(): Promise<number> {
  while (true) {
    const port = 10_000 + ((process.pid * 64 + portsTried++) % 20_000);
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") continue;
      throw error;
    }
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

export function listenOn(server: Server): Promise<Server> {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/** Runs with bungee's ssh_config in place; ssh's own is never read. */
export async function withSshConfig<T>(file: string, config: string, work: () => Promise<T>): Promise<T> {
  writeFileSync(file, `${config}\n`);
  const before = process.env.BUNGEE_SSH_CONFIG;
  process.env.BUNGEE_SSH_CONFIG = file;
  try {
    return await work();
  } finally {
    if (before === undefined) delete process.env.BUNGEE_SSH_CONFIG;
    else process.env.BUNGEE_SSH_CONFIG = before;
  }
}

function* allProcesses(): Generator<[pid: number, parent: number]> {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      yield [Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])];
    } catch {
      // It ended while we looked.
    }
  }
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}
