/** The end of a command that could not do its work at all: what is printed, and the exit code. Nodes that fail are outcomes instead. */
import { BungeeError, describeError, InterruptedError } from "../errors.ts";
import { renderError } from "../report/error.ts";
import { styleOf } from "../report/style.ts";

/** @returns the exit code */
export function reportFailure(error: unknown, { verbose }: { readonly verbose: boolean }): number {
  const lines = renderError(describeError(error), styleOf("stderr"));
  // A stack is for who mends bungee; who uses it needs none.
  const isDefect = !(error instanceof BungeeError);
  const stack = verbose && isDefect && error instanceof Error && error.stack ? [error.stack] : [];
  process.stderr.write(`${[...lines, ...stack].join("\n")}\n`);
  return failureExitCode(error);
}

/** A node's own errors never come here, so a known error was thrown before any host was touched. After a defect nobody knows. */
export function failureExitCode(error: unknown): 2 | 3 | 130 {
  if (error instanceof InterruptedError) return 130;
  return error instanceof BungeeError ? 2 : 3;
}
