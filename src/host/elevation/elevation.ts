/** How commands that want root get it, on one host: found out with the first of them, and kept for all connections to that host. */
import { ElevationError } from "../../errors.ts";
import type { Command, Finished, RunOptions } from "../../process.ts";
import type { Channel, Connection } from "../connection.ts";
import { runChannel } from "../run-channel.ts";
import type { Secrets } from "../secrets.ts";
import { elevationError } from "./error.ts";
import { HostPassword } from "./host-password.ts";
import { Refusal, startBy, sudoAllows, sudoRefused, sudoSilently, type Tool } from "./way.ts";

type ElevationSetting = "auto" | "none" | Tool;

/** `silent`: by sudo -n, on the command's own words alone. The others tell of the start, by a shell of their own. */
type Way = "silent" | Tool;

const WAYS: Readonly<Record<Exclude<ElevationSetting, "none">, readonly Way[]>> = {
  // Those that ask nothing come first.
  auto: ["silent", "doas", "run0", "sudo"],
  sudo: ["silent", "sudo"],
  doas: ["doas"],
  run0: ["run0"],
};

/** One attempt at a command, by one way. */
type Attempt<T> = (way: Way) => Promise<T | Refusal>;

export class Elevator {
  readonly #setting: ElevationSetting;
  readonly #password: HostPassword;
  #way: Way | undefined;

  /** @param secrets left out: there is no password */
  constructor(node: string, setting: ElevationSetting, secrets?: Secrets) {
    this.#setting = setting;
    this.#password = new HostPassword(node, secrets);
  }

  /** The same connection, on which commands with `root: true` run as root. They may fail with an ElevationError. */
  over(bare: Connection): Connection {
    if (this.#setting === "none" || (this.#setting === "auto" && bare.user === "root")) return bare;
    return {
      node: bare.node,
      address: bare.address,
      user: bare.user,
      silenceMs: bare.silenceMs,
      lost: bare.lost,
      close: () => bare.close(),
      run: (command, options) => (command.root ? this.#run(bare, command, options) : bare.run(command, options)),
      open: (command) => (command.root ? this.#open(bare, command) : bare.open(command)),
    };
  }

  #run(bare: Connection, command: Command, options: RunOptions = {}): Promise<Finished> {
    return this.#by(bare, async (way) => {
      if (way !== "silent") {
        const channel = await startBy(way, bare, command, this.#password);
        // Ctrl-C at the question is an interruption, not a refusal.
        if (channel instanceof Refusal) options.signal?.throwIfAborted();
        return channel instanceof Refusal ? channel : runChannel(async () => channel, command, options);
      }
      const finished = await bare.run(sudoSilently(command), options);
      if (finished.stdout !== "" || !(await sudoRefused(bare, command, finished.code))) return finished;
      return new Refusal("sudo", finished.stderr.trim(), finished);
    });
  }

  async #open(bare: Connection, command: Command): Promise<Channel> {
    // Streams cannot be given twice: the way is found with a command that has none.
    if (this.#way === undefined) {
      await this.#run(bare, { argv: ["true"], root: true }).catch(async (error: unknown) => {
        if (!(error instanceof ElevationError && (await sudoAllows(bare, command)))) throw error;
      });
    }
    return await this.#by(bare, async (way) => {
      if (way !== "silent") return startBy(way, bare, command, this.#password);
      const channel = await bare.open(sudoSilently(command));
      const exited = channel.exited.then(async (exit) => {
        if (channel.stdout.readableDidRead || channel.stdout.readableLength > 0) return exit;
        if (!(await sudoRefused(bare, command, exit.code))) return exit;
        this.#forget(way);
        throw elevationError(bare, [new Refusal("sudo", "")]);
      });
      exited.catch(() => {});
      return { ...channel, exited };
    });
  }

  /** By the way that is known, or by the first that works: what was right may be wrong on the system that the host has now. */
  async #by<T>(bare: Connection, attempt: Attempt<T>): Promise<T> {
    const known = this.#way;
    if (known !== undefined) {
      const result = await attempt(known);
      if (!(result instanceof Refusal)) return result;
      this.#forget(known);
    }
    const refusals: Refusal[] = [];
    for await (const way of this.#ways(bare)) {
      const result = await attempt(way);
      if (!(result instanceof Refusal)) {
        this.#way = way;
        return result;
      }
      refusals.push(result);
    }
    const account = this.#password.refusedAccount;
    // Not tried again, and the reason still.
    if (account !== undefined && !this.#password.mayBeKnown)
      refusals.push(new Refusal("sudo", "", { password: account }));
    throw elevationError(bare, refusals);
  }

  async *#ways(bare: Connection): AsyncGenerator<Way> {
    let present: readonly string[] | undefined;
    for (const way of WAYS[this.#setting as keyof typeof WAYS]) {
      if (way === "sudo" && !this.#password.mayBeKnown) continue;
      // In the usual case the first way works, and nothing has to be asked.
      if (way !== "silent" && this.#setting === "auto") {
        present ??= await toolsOf(bare);
        if (!present.includes(way)) continue;
      }
      yield way;
    }
  }

  #forget(way: Way): void {
    if (this.#way === way) this.#way = undefined;
  }
}

async function toolsOf(bare: Connection): Promise<readonly string[]> {
  const script = "for tool in sudo doas run0; do command -v $tool >/dev/null && echo $tool; done";
  return (await bare.run({ argv: ["sh", "-c", script] })).stdout.split("\n");
}
