/** What is evaluated of a fleet, and in how many processes. A node's error never takes another node with it. */
import { z } from "zod";
import { EvaluationError } from "../errors.ts";
import { type EvalOptions, evaluate } from "../nix/eval.ts";
import type { Snapshot } from "../nix/flake.ts";
import type { LogRecord } from "../nix/log.ts";
import { namesExpression, nodeSettingsExpression, settingsExpression, systemExpression } from "./expressions.ts";
import type { Evaluated } from "./node.ts";
import type { EvaluationPool } from "./pool.ts";
import type { RawNode } from "./settings.ts";

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

export interface Configurations {
  /** null: the flake has no `nixosConfigurations`. */
  readonly names: readonly string[] | null;
  /** The flake output `bungee`. */
  readonly output: unknown;
  readonly nodes: ReadonlyMap<string, RawNode>;
  readonly broken: ReadonlyMap<string, EvaluationError>;
}

/** One process reads this many nodes' settings: some 20 MB each, and a fifth of a second less than one by one. */
const SETTINGS_AT_ONCE = 25;

const rawNode = z.object({ hostName: z.string().nullable().catch(null), bungee: z.unknown() });
const namesSchema = z.object({ names: z.array(z.string()).nullable(), output: z.unknown() });
const systemSchema = z.object({
  derivation: z.string().regex(/^\/.*\.drv$/),
  // Not a store path: a placeholder, for a derivation whose output is known only once built.
  output: z.string().regex(/^\/.*\/[0-9a-z]{32}-[^/]+$/),
});

/** Names, the flake's own settings and every node's, as they stand in the flake. @throws EvaluationError for the flake itself. */
export async function evaluateConfigurations(evaluation: Evaluation): Promise<Configurations> {
  const { snapshot, pool } = evaluation;
  const { names, output } = await pool.run((watch) =>
    evaluate("the flake's outputs", namesExpression(snapshot), namesSchema, snapshot, options(evaluation, null, watch)),
  );
  const nodes = new Map<string, RawNode>();
  const broken = new Map<string, EvaluationError>();
  const portions = [];
  for (let start = 0; start < (names ?? []).length; start += SETTINGS_AT_ONCE) {
    portions.push((names ?? []).slice(start, start + SETTINGS_AT_ONCE));
  }
  await Promise.all(
    portions.map(async (portion) => {
      const settings = await settingsTogether(evaluation, portion);
      await Promise.all(
        portion.map(async (name, index) => {
          try {
            nodes.set(name, settings[index] ?? (await settingsAlone(evaluation, name)));
          } catch (error) {
            if (!(error instanceof EvaluationError)) throw error;
            error.node = name;
            broken.set(name, error);
          }
        }),
      );
    }),
  );
  return { names, output, nodes, broken };
}

/** null for each node that has to be asked alone: `throw` stops only it, other errors the whole process. */
async function settingsTogether(
  evaluation: Evaluation,
  names: readonly string[],
): Promise<readonly (RawNode | null)[]> {
  const { snapshot, pool } = evaluation;
  const schema = z.array(rawNode.nullable()).length(names.length);
  try {
    return await pool.run((watch) =>
      evaluate(
        "the settings",
        settingsExpression(snapshot, names),
        schema,
        snapshot,
        options(quiet(evaluation), null, watch),
      ),
    );
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    return names.map(() => null);
  }
}

function settingsAlone(evaluation: Evaluation, name: string): Promise<RawNode> {
  const { snapshot, pool } = evaluation;
  return pool.run((watch) =>
    evaluate(name, nodeSettingsExpression(snapshot, name), rawNode, snapshot, options(quiet(evaluation), name, watch)),
  );
}

/** What is said here is said again when the node's system is evaluated. */
function quiet(evaluation: Evaluation): Evaluation {
  return { ...evaluation, onLine: () => {} };
}

/** A node's system, in a process of its own: half the time and a tenth of the memory of one process for all. @throws EvaluationError */
export async function evaluateSystem(evaluation: Evaluation, name: string): Promise<Evaluated> {
  const { snapshot, pool } = evaluation;
  try {
    const { derivation, output } = await pool.run((watch) =>
      evaluate(name, systemExpression(snapshot, name), systemSchema, snapshot, options(evaluation, name, watch)),
    );
    return { drvPath: derivation, outPath: output };
  } catch (error) {
    if (error instanceof EvaluationError) error.node = name;
    throw error;
  }
}

function options(evaluation: Evaluation, node: string | null, onSpawn: (pid: number) => void): EvalOptions {
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
