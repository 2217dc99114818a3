/**
 * One class per remedy: what a person does next decides the class, not where in the code it was thrown.
 * Every error says what happened (`message`), where (`node`), what the tool behind it said (`detail`) and how to mend it (`mend`).
 */
export abstract class BungeeError extends Error {
  /** Stable, kebab-case, for programs: part of the JSON report. */
  abstract readonly code: string;
  readonly mend: string;
  readonly detail: string | undefined;
  /** The node it is about; set by whoever knows it, often later than the throw. */
  node: string | undefined;

  constructor(message: string, options: { mend: string; detail?: string | undefined; node?: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.mend = options.mend;
    this.detail = options.detail;
    this.node = options.node;
  }
}

/** The command line asks for something that cannot be: nothing was started. Exit 2. */
export class UsageError extends BungeeError {
  readonly code = "usage";
}

/** A setting of the fleet is wrong; the message carries the path of the field and its value. Exit 2. */
export class ConfigurationError extends BungeeError {
  readonly code = "configuration";
}

/** A program that bungee runs is not there, or cannot do what is needed. */
export class MissingToolError extends BungeeError {
  readonly code = "missing-tool";
}

/** nix could not evaluate; `detail` is nix's own message. */
export class EvaluationError extends BungeeError {
  readonly code = "evaluation";
}

/** nix could not build; `detail` is the end of the build's log. */
export class BuildError extends BungeeError {
  readonly code = "build";
}

/** The closure did not arrive on the host. */
export class CopyError extends BungeeError {
  readonly code = "copy";
}

/** None of a node's addresses answered. */
export class UnreachableError extends BungeeError {
  readonly code = "unreachable";
  /** One took the connection, and let nobody in before the time was over: with more of it, it may. */
  readonly answered: boolean;

  constructor(message: string, options: ConstructorParameters<typeof BungeeError>[1] & { answered?: boolean }) {
    super(message, options);
    this.answered = options.answered ?? false;
  }
}

/** The host's key is unknown, changed or revoked: nothing was sent to it. */
export class HostKeyError extends BungeeError {
  readonly code = "host-key";
}

/** The host answered, and let nobody in. */
export class LoginError extends BungeeError {
  readonly code = "login";
}

/** Logged in, but may not become root. */
export class ElevationError extends BungeeError {
  readonly code = "elevation";
}

/** The connection broke. Says nothing about what the host did with the command: ask it again. */
export class ConnectionLostError extends BungeeError {
  readonly code = "connection-lost";
}

/** Another run holds the host. */
export class LockedError extends BungeeError {
  readonly code = "locked";
}

/** The host's activator refused the run before it touched anything. */
export class RefusedError extends BungeeError {
  readonly code = "refused";
  /** The activator's own word for it, kebab-case. */
  readonly reason: string;

  constructor(message: string, options: { mend: string; reason: string }) {
    super(message, options);
    this.reason = options.reason;
  }
}

/** The host can be reached, and is not well: its own health checks say so. `detail` is what they said last. */
export class UnhealthyError extends BungeeError {
  readonly code = "unhealthy";
}

/** What came from the other side is not the protocol. */
export class ProtocolError extends BungeeError {
  readonly code = "protocol";
}

/** Stopped by a person or by the CI runner. */
export class InterruptedError extends BungeeError {
  readonly code = "interrupted";
}

/** What a report shows of an error; never a stack trace. */
export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly mend: string;
  readonly detail?: string;
  readonly node?: string;
}

export function describeError(error: unknown): ErrorReport {
  if (error instanceof BungeeError) {
    return {
      code: error.code,
      message: error.message,
      mend: error.mend,
      ...(error.detail ? { detail: error.detail } : {}),
      ...(error.node ? { node: error.node } : {}),
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: "defect",
    message: `bungee has a defect: ${message}`,
    mend: "report it, with the output of --verbose",
  };
}
