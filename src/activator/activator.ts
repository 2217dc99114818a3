/** The activator's verbs, as functions: the only code that knows what stands on a host. */
import { readFileSync } from "node:fs";
import type { z } from "zod";
import { ProtocolError } from "../errors.ts";
import type { Connection } from "../host/connection.ts";
import type { Command, RunOptions } from "../process.ts";
import { FrameReader } from "./frames.ts";
import {
  type Facts,
  factsSchema,
  parseAnswer,
  type RunState,
  type RunStatus,
  releaseSchema,
  statusSchema,
} from "./protocol.ts";

const SCRIPT = readFileSync(new URL("./activator.sh", import.meta.url), "utf8");

/**
 * Runs the activator that the host has installed, else the one on standard input: the very first deploy is protected too.
 * `head -c` takes exactly the script; what follows (the token) is left for the script to read.
 */
const LOADER = `installed=/run/current-system/sw/bin/bungee-activator
if [ "$1" = installed ] && [ -x $installed ]; then
  head -c "$2" >/dev/null; shift 2; exec $installed "$@"
fi
BUNGEE_ACTIVATOR=$(head -c "$2"); shift 2; eval "$BUNGEE_ACTIVATOR"`;

export interface BeginRequest {
  readonly run: string;
  /** Unguessable; what a confirmation has to bring. Never on a command line, where every user of the host could read it. */
  readonly token: string;
  readonly action: "test" | "switch" | "boot";
  readonly release: string;
  /** Seconds. */
  readonly activationTimeout: number;
  /** Seconds. */
  readonly confirmationTimeout: number;
  readonly rollback: boolean;
  /** Lets the system of another host name in. */
  readonly anyHost: boolean;
  /** Who and from where, for people. */
  readonly actor: string;
}

/** The verbs over one connection, which is elevated already. Every method throws ConnectionLostError when it breaks. */
export class Activator {
  readonly #connection: Connection;
  /** An installed activator of another version is passed over from then on. */
  #use: "installed" | "streamed" = "installed";

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  facts(options?: RunOptions): Promise<Facts> {
    return this.#ask(factsSchema, ["facts"], "", options);
  }

  /** Locks the host, records its state, arms the guard and starts the run. @throws LockedError | RefusedError: nothing was touched */
  begin(request: BeginRequest): Promise<RunStatus> {
    const { run, action, release, activationTimeout, confirmationTimeout } = request;
    const yesNo = (value: boolean) => (value ? "yes" : "no");
    const args = [run, action, release, String(activationTimeout), String(confirmationTimeout)];
    return this.#ask(
      statusSchema,
      ["begin", ...args, yesNo(request.rollback), yesNo(request.anyHost), request.actor],
      request.token,
    );
  }

  /** Proves that the host can be reached and is well. @throws RefusedError with the reason when it is not */
  confirm(run: string, token: string, options?: RunOptions): Promise<RunStatus> {
    return this.#ask(statusSchema, ["confirm", run], token, options);
  }

  abort(run: string, token: string): Promise<RunStatus> {
    return this.#ask(statusSchema, ["abort", run], token);
  }

  /** Also closes the run when nobody carries it out any more, as after a reset of the host. */
  status(run: string, options?: RunOptions): Promise<RunStatus> {
    return this.#ask(statusSchema, ["status", run], "", options);
  }

  async stage(release: string, anyHost: boolean): Promise<void> {
    await this.#ask(releaseSchema, ["stage", release, anyHost ? "yes" : "no"]);
  }

  /** What activation would do, in the system's own words, and its exit code. Changes nothing. */
  async dryActivate(release: string, anyHost: boolean, onLog: (chunk: Buffer) => void): Promise<number> {
    const answer = await this.#ask(releaseSchema, ["dry-activate", release, anyHost ? "yes" : "no"], "", {
      onStdout: onLog,
    });
    return answer.exitCode ?? 0;
  }

  /**
   * Sends the run's log from `cursor.offset` on to `onLog`, and moves the cursor, until the run's state is no longer `state`.
   * After a lost connection, go on with the same cursor over a new one.
   * The host sends something at least every other second, told to `onBeat`; a line without a beat is dead.
   */
  async follow(
    run: string,
    cursor: { offset: number },
    state: RunState,
    onLog: (chunk: Buffer) => void,
    options: { readonly signal?: AbortSignal; readonly onBeat?: () => void } = {},
  ): Promise<RunStatus> {
    const frames = new FrameReader(cursor.offset, (chunk) => {
      cursor.offset += chunk.length;
      onLog(chunk);
    });
    const finished = await this.#connection.run(this.#command(["follow", run, String(cursor.offset), state], ""), {
      ...(options.signal ? { signal: options.signal } : {}),
      keep: 64 * 1024,
      onStdout: (chunk) => {
        options.onBeat?.();
        frames.push(chunk);
      },
    });
    return parseAnswer(statusSchema, "follow", { ...finished, stdout: frames.rest() });
  }

  async #ask<T>(
    schema: z.ZodType<T>,
    args: readonly [string, ...string[]],
    token = "",
    options?: RunOptions,
  ): Promise<T> {
    const verb = args[0];
    const finished = await this.#connection.run(this.#command(args, token), options);
    try {
      return parseAnswer(schema, verb, finished);
    } catch (error) {
      if (!(error instanceof ProtocolError) || this.#use === "streamed") throw error;
      this.#use = "streamed";
      return parseAnswer(schema, verb, await this.#connection.run(this.#command(args, token), options));
    }
  }

  #command(args: readonly string[], token: string): Command {
    return {
      argv: ["/bin/sh", "-c", LOADER, "bungee-activator", this.#use, String(Buffer.byteLength(SCRIPT)), ...args],
      stdin: `${SCRIPT}${token}\n`,
      root: true,
    };
  }
}
