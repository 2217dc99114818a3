/** Each node's system, from the cache or evaluated. */
import { z } from "zod";
import { missingPaths } from "../nix/store.ts";
import type { EvaluationCache } from "./cache.ts";
import { evaluateSystem } from "./evaluate.ts";
import type { Evaluation, EvaluationLine } from "./evaluation.ts";
import type { Evaluated } from "./node.ts";

/** Warnings are kept too: a flake that is not evaluated again still has them. */
const systemSchema = z.object({ drvPath: z.string(), outPath: z.string(), warnings: z.array(z.string()) });
/** A flake may talk without end; what it said first is said again. */
const WARNINGS_KEPT = 200;
type CachedSystem = z.output<typeof systemSchema>;

export class Systems {
  readonly #evaluation: Evaluation;
  readonly #cache: EvaluationCache;
  /** By node: where its system stands, as Nix over the flake's `outputs`. */
  readonly #places: ReadonlyMap<string, string>;
  readonly #asked = new Map<string, Promise<Evaluated>>();
  #known: Promise<ReadonlyMap<string, CachedSystem>> | undefined;

  constructor(evaluation: Evaluation, cache: EvaluationCache, places: ReadonlyMap<string, string>) {
    this.#evaluation = evaluation;
    this.#cache = cache;
    this.#places = places;
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
    let more = 0;
    const noting = (line: EvaluationLine) => {
      if (!line.verbose && warnings.length < WARNINGS_KEPT) warnings.push(line.line);
      else if (!line.verbose) more++;
      onLine(line);
    };
    const place = this.#places.get(name)!;
    const evaluated = await evaluateSystem({ ...this.#evaluation, onLine: noting }, name, place);
    if (more > 0) warnings.push(`and ${more} more lines like these`);
    await this.#cache.write(place, { ...evaluated, warnings });
    return evaluated;
  }

  /** A garbage collection may have taken derivations away; the store is asked once for all of them. */
  async #readKnown(): Promise<ReadonlyMap<string, CachedSystem>> {
    const entries = await Promise.all(
      [...this.#places].map(async ([name, place]) => [name, await this.#cache.read(place, systemSchema)] as const),
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
