/** Each node's system, from the cache or evaluated. */
import { z } from "zod";
import { missingPaths } from "../nix/store.ts";
import type { EvaluationCache } from "./cache.ts";
import { type Evaluation, type EvaluationLine, evaluateSystem } from "./evaluate.ts";
import type { Evaluated } from "./node.ts";

/** Warnings are kept too: a flake that is not evaluated again still has them. */
const systemSchema = z.object({ drvPath: z.string(), outPath: z.string(), warnings: z.array(z.string()) });
type CachedSystem = z.output<typeof systemSchema>;

export class Systems {
  readonly #evaluation: Evaluation;
  readonly #cache: EvaluationCache;
  readonly #names: readonly string[];
  readonly #asked = new Map<string, Promise<Evaluated>>();
  #known: Promise<ReadonlyMap<string, CachedSystem>> | undefined;

  constructor(evaluation: Evaluation, cache: EvaluationCache, names: readonly string[]) {
    this.#evaluation = evaluation;
    this.#cache = cache;
    this.#names = names;
  }

  get(name: string): Promise<Evaluated> {
    const asked = this.#asked.get(name) ?? this.#find(name);
    this.#asked.set(name, asked);
    return asked;
  }

  async #find(name: string): Promise<Evaluated> {
    const { onLine } = this.#evaluation;
    this.#known ??= this.#readKnown();
    const known = (await this.#known).get(name);
    if (known) {
      for (const line of known.warnings) onLine({ node: name, line, verbose: false });
      return { drvPath: known.drvPath, outPath: known.outPath };
    }
    const warnings: string[] = [];
    const noting = (line: EvaluationLine) => {
      if (!line.verbose) warnings.push(line.line);
      onLine(line);
    };
    const evaluated = await evaluateSystem({ ...this.#evaluation, onLine: noting }, name);
    await this.#cache.write(attributeOf(name), { ...evaluated, warnings });
    return evaluated;
  }

  /** A garbage collection may have taken derivations away; the store is asked once for all of them. */
  async #readKnown(): Promise<ReadonlyMap<string, CachedSystem>> {
    const entries = await Promise.all(
      this.#names.map(async (name) => [name, await this.#cache.read(attributeOf(name), systemSchema)] as const),
    );
    const found = entries.filter((entry): entry is [string, CachedSystem] => entry[1] !== undefined);
    const { signal } = this.#evaluation;
    const gone = new Set(
      await missingPaths(
        found.map(([, { drvPath }]) => drvPath),
        signal ? { signal } : {},
      ),
    );
    return new Map(found.filter(([, { drvPath }]) => !gone.has(drvPath)));
  }
}

function attributeOf(name: string): string {
  return `nixosConfigurations.${JSON.stringify(name)}`;
}
