/** What the flake itself says of its nodes: in one go; where that fails, node by node, so that one node's error stays its own. */
import { z } from "zod";
import { EvaluationError } from "../errors.ts";
import { evaluate } from "../nix/eval.ts";
import { type Evaluation, optionsOf, quiet } from "./evaluation.ts";
import { namesExpression, nodeOutputExpression, partsExpression } from "./expressions.ts";
import type { Source } from "./sources/source.ts";

export interface Outputs {
  readonly present: Present;
  /** Of the source's entries; null: the flake has none. */
  readonly names: readonly string[] | null;
  /** What the source says for all of them. */
  readonly common: unknown;
  /** The flake output `bungee`. */
  readonly output: unknown;
  /** Nodes of which the output cannot say what it means to, as where `lib.mkNodes` reads a configuration that is broken. */
  readonly broken: ReadonlyMap<string, EvaluationError>;
}

/** Where fleets may stand in a flake. */
export const presentSchema = z.object({
  nixosConfigurations: z.boolean(),
  deploy: z.boolean(),
  colmena: z.boolean(),
  colmenaHive: z.boolean(),
});
export type Present = z.output<typeof presentSchema>;

const namesSchema = z.object({
  present: presentSchema,
  names: z.array(z.string()).nullable(),
  common: z.unknown(),
  output: z.unknown(),
});
const partsSchema = z.object({
  present: presentSchema,
  common: z.unknown(),
  names: z.array(z.string()),
  output: z.record(z.string(), z.unknown()),
  nodes: z.array(z.string()),
});

/** @throws EvaluationError for the flake itself */
export async function evaluateOutputs(evaluation: Evaluation, source: Source): Promise<Outputs> {
  const { snapshot, pool } = evaluation;
  const what = "the flake's outputs";
  try {
    const whole = await pool.run((watch) =>
      evaluate(what, namesExpression(snapshot, source), namesSchema, snapshot, optionsOf(evaluation, null, watch)),
    );
    return { ...whole, broken: new Map() };
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    const parts = await pool
      .run((watch) =>
        evaluate(
          what,
          partsExpression(snapshot, source),
          partsSchema,
          snapshot,
          optionsOf(quiet(evaluation), null, watch),
        ),
      )
      .catch(() => {
        throw error;
      });
    return await nodeByNode(evaluation, parts, error);
  }
}

async function nodeByNode(
  evaluation: Evaluation,
  parts: z.output<typeof partsSchema>,
  whole: EvaluationError,
): Promise<Outputs> {
  const { snapshot, pool } = evaluation;
  const nodes: Record<string, unknown> = {};
  const broken = new Map<string, EvaluationError>();
  await Promise.all(
    parts.nodes.map(async (name) => {
      const expression = nodeOutputExpression(snapshot, name);
      try {
        nodes[name] = await pool.run((watch) =>
          evaluate(name, expression, z.unknown(), snapshot, optionsOf(quiet(evaluation), name, watch)),
        );
      } catch (error) {
        // What is said of no node that there is has no node to stay with.
        if (!(error instanceof EvaluationError) || !parts.names.includes(name)) throw error;
        error.node = name;
        broken.set(name, error);
      }
    }),
  );
  if (broken.size === 0) throw whole;
  return { ...parts, output: { ...parts.output, nodes }, broken };
}
