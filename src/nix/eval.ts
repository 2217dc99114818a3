/** `nix eval` of an expression over a pinned flake. */
import type { z } from "zod";
import { EvaluationError } from "../errors.ts";
import type { Command } from "../process.ts";
import { nix } from "./command.ts";
import { explain, untrackedHint } from "./explain.ts";
import type { Snapshot } from "./flake.ts";
import { type NixOptions, runNix } from "./run.ts";

export interface EvalOptions extends NixOptions {
  /** Lets the flake read the environment, the clock and any file. Default false. */
  readonly impure?: boolean;
}

/**
 * An expression rather than an installable: `nix eval flake#attribute` would look into `packages` and `legacyPackages`
 * first, and its attribute paths know no escapes. nix' own cache is off: parallel writers only wait for each other.
 */
export function evalCommand(expression: string, impure = false): Command {
  return nix(
    ["eval"],
    "--json",
    "--show-trace",
    ...["--option", "eval-cache", "false"],
    ...(impure ? ["--impure"] : []),
    ...["--expr", expression],
  );
}

/**
 * @param what names what is evaluated, for the error: "web1", "the flake's nodes"
 * @throws EvaluationError whose `detail` is nix' own message
 */
export async function evaluate<Schema extends z.ZodType>(
  what: string,
  expression: string,
  schema: Schema,
  snapshot: Snapshot,
  options: EvalOptions = {},
): Promise<z.output<Schema>> {
  const { impure, ...rest } = options;
  const finished = await runNix(evalCommand(expression, impure), rest);
  // The exit code comes first: 2.8 leaves half a document on stdout when it fails.
  if (finished.code !== 0) {
    throw new EvaluationError(`nix cannot evaluate ${what}`, {
      mend: untrackedHint(finished, snapshot) ?? mendFor(finished.signal),
      detail: explain(finished, snapshot),
      // Killed from outside, as the kernel does when memory runs out: the caller may try again when there is more.
      ...(finished.signal === null ? {} : { cause: finished.signal }),
    });
  }
  try {
    return schema.parse(JSON.parse(finished.stdout));
  } catch (cause) {
    throw new EvaluationError(`nix evaluated ${what} to something that is not expected`, {
      mend: "is it a NixOS configuration? Its `config.system.build.toplevel` must be a derivation",
      detail: finished.stdout.slice(0, 2000),
      cause,
    });
  }
}

function mendFor(signal: string | null): string {
  return signal === "SIGKILL"
    ? "nix was killed, perhaps for want of memory: free some, or give the machine swap"
    : "correct the configuration";
}
