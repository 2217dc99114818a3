/** What is evaluated of a fleet, and in how many processes. A node's error never takes another node with it. */
import { z } from "zod";
import { EvaluationError } from "../errors.ts";
import { evaluate } from "../nix/eval.ts";
import { type Evaluation, optionsOf, quiet } from "./evaluation.ts";
import { nodeSettingsExpression, settingsExpression, systemExpression } from "./expressions.ts";
import type { Evaluated } from "./node.ts";
import { evaluateOutputs, type Outputs } from "./outputs.ts";
import type { Source } from "./sources/source.ts";

export interface Configurations extends Outputs {
  /** What the source's entries say, unchecked; without those that cannot be evaluated. */
  readonly entries: ReadonlyMap<string, unknown>;
}

/** One process reads this many nodes' settings: some 20 MB each, and a fifth of a second less than one by one. */
const SETTINGS_AT_ONCE = 25;

const systemSchema = z.object({
  derivation: z.string().regex(/^\/.*\.drv$/),
  // Not a store path: a placeholder, for a derivation whose output is known only once built.
  output: z.string().regex(/^\/.*\/[0-9a-z]{32}-[^/]+$/),
});

/** Names, the flake's own settings and every node's, as they stand in the flake. @throws EvaluationError for the flake itself. */
export async function evaluateConfigurations(evaluation: Evaluation, source: Source): Promise<Configurations> {
  const outputs = await evaluateOutputs(evaluation, source);
  const { names } = outputs;
  const entries = new Map<string, unknown>();
  const broken = new Map(outputs.broken);
  const readable = (names ?? []).filter((name) => !broken.has(name));
  const portions = [];
  for (let start = 0; start < readable.length; start += SETTINGS_AT_ONCE) {
    portions.push(readable.slice(start, start + SETTINGS_AT_ONCE));
  }
  await Promise.all(
    portions.map(async (portion) => {
      const settings = await settingsTogether(evaluation, source, portion);
      await Promise.all(
        portion.map(async (name, index) => {
          try {
            entries.set(name, settings[index] ?? (await settingsAlone(evaluation, source, name)));
          } catch (error) {
            if (!(error instanceof EvaluationError)) throw error;
            error.node = name;
            broken.set(name, error);
          }
        }),
      );
    }),
  );
  return { ...outputs, entries, broken };
}

/** null for each node that has to be asked alone: `throw` stops only it, other errors the whole process. */
async function settingsTogether(
  evaluation: Evaluation,
  source: Source,
  names: readonly string[],
): Promise<readonly unknown[]> {
  const { snapshot, pool } = evaluation;
  const schema = z.array(z.unknown()).length(names.length);
  try {
    return await pool.run((watch) =>
      evaluate(
        "the settings",
        settingsExpression(snapshot, source, names),
        schema,
        snapshot,
        optionsOf(quiet(evaluation), null, watch),
      ),
    );
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    return names.map(() => null);
  }
}

function settingsAlone(evaluation: Evaluation, source: Source, name: string): Promise<unknown> {
  const { snapshot, pool } = evaluation;
  return pool.run((watch) =>
    evaluate(
      name,
      nodeSettingsExpression(snapshot, source, name),
      z.unknown(),
      snapshot,
      optionsOf(quiet(evaluation), name, watch),
    ),
  );
}

/**
 * A node's system, in a process of its own: half the time and a tenth of the memory of one process for all.
 * @param system where it stands, as Nix over the flake's `outputs`
 * @throws EvaluationError
 */
export async function evaluateSystem(evaluation: Evaluation, name: string, system: string): Promise<Evaluated> {
  const { snapshot, pool } = evaluation;
  try {
    const { derivation, output } = await pool.run((watch) =>
      evaluate(name, systemExpression(snapshot, system), systemSchema, snapshot, optionsOf(evaluation, name, watch)),
    );
    return { drvPath: derivation, outPath: output };
  } catch (error) {
    if (error instanceof EvaluationError) error.node = name;
    throw error;
  }
}
