/** How a fleet is evaluated: over which flake, how many at once, and who hears what nix says. */
import type { EvalOptions } from "../nix/eval.ts";
import type { Snapshot } from "../nix/flake.ts";
import type { LogRecord } from "../nix/log.ts";
import type { EvaluationPool } from "./pool.ts";

/** Something nix said. `node` is null for what concerns the flake as a whole. */
export interface EvaluationLine {
  readonly node: string | null;
  readonly line: string;
  /** Only for who wants to know all: downloads, builds during evaluation. Warnings and traces are not. */
  readonly verbose: boolean;
}

export interface Evaluation {
  readonly snapshot: Snapshot;
  readonly impure: boolean;
  readonly pool: EvaluationPool;
  readonly signal?: AbortSignal | undefined;
  readonly onLine: (line: EvaluationLine) => void;
}

/** What is said here is said again when the node's system is evaluated. */
export function quiet(evaluation: Evaluation): Evaluation {
  return { ...evaluation, onLine: () => {} };
}

export function optionsOf(evaluation: Evaluation, node: string | null, onSpawn: (pid: number) => void): EvalOptions {
  return {
    impure: evaluation.impure,
    ...(evaluation.signal ? { signal: evaluation.signal } : {}),
    onSpawn,
    onRecord: (record) => {
      const said = lineOf(record);
      if (said) evaluation.onLine({ node, ...said });
    },
  };
}

/** Errors are not lines: they are thrown. */
export function lineOf(record: LogRecord): Omit<EvaluationLine, "node"> | undefined {
  switch (record.kind) {
    case "message":
      return record.level > 3 ? undefined : { line: record.text, verbose: record.level > 1 };
    case "build-started":
      return { line: `building ${record.drvPath}`, verbose: true };
    case "build-line":
      return { line: record.line, verbose: true };
    case "plain":
      return { line: record.line, verbose: false };
    default:
      return undefined;
  }
}
