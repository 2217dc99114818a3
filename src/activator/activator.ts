/** The activator's verbs, as functions: the only code that knows what stands on a host. */
import type { z } from "zod";
import type { Connection } from "../host/connection.ts";
import type { Finished, RunOptions } from "../process.ts";
import { Access } from "./access.ts";
import { FrameReader } from "./frames.ts";
import {
  type Facts,
  type Found,
  factsSchema,
  foundSchema,
  parseAnswer,
  type RunState,
  type RunStatus,
  releaseSchema,
  statusSchema,
  type Unwrapped,
  unwrappedSchema,
} from "./protocol.ts";
import { SCRIPT } from "./script.ts";

const yesNo = (value: boolean) => (value ? "yes" : "no");

/** A profile besides the host's system. */
export interface ProfileWords {
  readonly name: string;
  readonly user: string;
  /** null: where nix keeps that user's profiles. */
  readonly path: string | null;
}

/** What a release must be for a host to take it. */
interface Terms {
  /** null or left out: it is the host's system. */
  readonly profile?: ProfileWords | null;
  /** Lets the system of another host name in. */
  readonly anyHost: boolean;
  /** Every path of the closure needs a signature by a key that the host trusts. */
  readonly requireSignature: boolean;
}

export interface BeginRequest extends Terms {
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
  /** auto: a switch becomes a boot with a reboot when kernel, initrd or modules change. */
  readonly reboot: "yes" | "auto" | "no";
  /** Whether the way back may reboot the host. */
  readonly mayReboot: boolean;
  /** Exit 4 of the switch, and units that fail, are no reason to go back. */
  readonly allowFailedUnits: boolean;
  /** Who and from where, for people. */
  readonly actor: string;
}

export interface CheckRequest {
  readonly kind: "unit" | "command" | "http" | "tcp";
  /** The health check's name; a command is looked up by it in the release. */
  readonly name: string;
  /** Whole seconds. */
  readonly timeout: number;
  /** What the kind takes: a line each, or a command of many. */
  readonly input: readonly string[];
}

/** The verbs over one connection, which is elevated already. Every method throws ConnectionLostError when it breaks. */
export class Activator {
  readonly #connection: Connection;
  readonly #access: Access;

  constructor(connection: Connection, access = new Access()) {
    this.#connection = connection;
    this.#access = access;
  }

  /** @param profile whose link stands for what runs, instead of the system */
  facts(profile: ProfileWords | null = null, options?: RunOptions): Promise<Facts> {
    return this.#ask(factsSchema, ["facts", ...wordsOf(profile)], "", options);
  }

  /** Locks the host, records its state, arms the guard and starts the run. @throws LockedError | RefusedError: nothing was touched */
  begin(request: BeginRequest): Promise<RunStatus> {
    const settings = {
      action: request.action,
      release: request.release,
      "activation-timeout": request.activationTimeout,
      "confirmation-timeout": request.confirmationTimeout,
      rollback: yesNo(request.rollback),
      reboot: request.reboot,
      "may-reboot": yesNo(request.mayReboot),
      "any-host": yesNo(request.anyHost),
      "allow-failed-units": yesNo(request.allowFailedUnits),
      "require-signature": yesNo(request.requireSignature),
      actor: request.actor,
    };
    const words = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
    return this.#ask(statusSchema, ["begin", request.run, ...words, ...wordsOf(request.profile)], request.token);
  }

  /** One try of a health check, by the host itself, while the run waits for its confirmation. @throws RefusedError */
  check(
    run: string,
    token: string,
    { kind, name, timeout, input }: CheckRequest,
    options?: RunOptions,
  ): Promise<Found> {
    return this.#ask(foundSchema, ["check", run, kind, name, String(timeout)], [token, ...input].join("\n"), options);
  }

  /** Proves that the host can be reached and is well. @throws RefusedError with the reason when it is not */
  confirm(run: string, token: string, options?: RunOptions): Promise<RunStatus> {
    return this.#ask(statusSchema, ["confirm", run], token, options);
  }

  /** @param message a line for people, kept in the run's record on the host */
  abort(
    run: string,
    token: string,
    why: "aborted" | "unhealthy" = "aborted",
    message = "",
    options?: RunOptions,
  ): Promise<RunStatus> {
    const line = message.replaceAll(/\s+/g, " ").slice(0, 900);
    return this.#ask(statusSchema, ["abort", run, why], `${token}\n${line}`, options);
  }

  /** Also closes the run when nobody carries it out any more, as after a reset of the host. */
  status(run: string, options?: RunOptions): Promise<RunStatus> {
    return this.#ask(statusSchema, ["status", run], "", options);
  }

  async stage(release: string, terms: Terms): Promise<void> {
    await this.#ask(releaseSchema, ["stage", release, ...termWords(terms)]);
  }

  /** What was built on the host: the system that it is, or that deploy-rs has wrapped in it; else a profile. */
  unwrap(built: string): Promise<Unwrapped> {
    return this.#ask(unwrappedSchema, ["unwrap", built]);
  }

  /** What activation would do, in the system's own words, and its exit code. Changes nothing. */
  async dryActivate(release: string, terms: Terms, onLog: (chunk: Buffer) => void): Promise<number> {
    const answer = await this.#ask(releaseSchema, ["dry-activate", release, ...termWords(terms)], "", {
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
    const answer = await this.#say(["follow", run, String(cursor.offset), state], "", {
      ...(options.signal ? { signal: options.signal } : {}),
      keep: 64 * 1024,
      onStdout: (chunk) => {
        options.onBeat?.();
        frames.push(chunk);
      },
    });
    return parseAnswer(statusSchema, "follow", { ...answer, stdout: frames.rest() });
  }

  async #ask<T>(
    schema: z.ZodType<T>,
    args: readonly [string, ...string[]],
    token = "",
    options?: RunOptions,
  ): Promise<T> {
    return parseAnswer(schema, args[0], await this.#say(args, token, options));
  }

  #say(words: readonly string[], input: string, options?: RunOptions): Promise<Finished> {
    return this.#access.ask(this.#connection, { name: "bungee-activator", script: SCRIPT, words, input }, options);
  }
}

const termWords = ({ anyHost, requireSignature, profile }: Terms) => [
  yesNo(anyHost),
  yesNo(requireSignature),
  ...wordsOf(profile),
];

const wordsOf = (profile: ProfileWords | null | undefined) =>
  !profile
    ? []
    : [
        `profile=${profile.name}`,
        `profile-user=${profile.user}`,
        ...(profile.path === null ? [] : [`profile-path=${profile.path}`]),
      ];
