/** Questions to a store: this machine's, or with `store` a URI another one's (`unix:///run/…` for a tunnel). */

import { stripVTControlCharacters } from "node:util";
import { BuildError } from "../errors.ts";
import { type Command, type Finished, runLocal } from "../process.ts";
import { inStore, nix, nixStore } from "./command.ts";

export interface StoreOptions {
  readonly store?: string;
  readonly signal?: AbortSignal;
}

/** Which of the paths are not in the store, in their order. No path: none, without asking. */
export async function missingPaths(paths: readonly string[], options: StoreOptions = {}): Promise<string[]> {
  const invalid = new Set<string>();
  // nix-store says the same in every version; `nix path-info --json` has had three formats.
  for (const portion of portions(paths)) {
    const command = nixStore("--check-validity", "--print-invalid", ...inStore(options.store), ...portion);
    for (const path of lines((await ask(command, options)).stdout)) invalid.add(path);
  }
  return paths.filter((path) => invalid.has(path));
}

/** All paths that these need at run time, themselves included, with the size of each in bytes (of its NAR). */
export async function closure(
  paths: readonly string[],
  options: StoreOptions = {},
): Promise<ReadonlyMap<string, number>> {
  const { stdout } = await ask(nixStore("--query", "--requisites", ...inStore(options.store), ...paths), options);
  const all = lines(stdout);
  const sizes = new Map<string, number>();
  for (const portion of portions(all)) {
    const answer = await ask(nixStore("--query", "--size", ...inStore(options.store), ...portion), options);
    lines(answer.stdout).forEach((size, index) => {
      sizes.set(portion[index]!, Number(size));
    });
  }
  return sizes;
}

/** What changes from one closure to the other: lines such as `openssh: 9.6p1 → 9.7p1, +12.3 KiB`. Both must be in the store. */
export async function diffClosures(before: string, after: string, options: StoreOptions = {}): Promise<string[]> {
  const { stdout } = await ask(nix(["store", "diff-closures"], ...inStore(options.store), before, after), options);
  return lines(stripVTControlCharacters(stdout));
}

async function ask(command: Command, options: StoreOptions): Promise<Finished> {
  const finished = await runLocal(command, options.signal ? { signal: options.signal } : {});
  if (finished.code !== 0) {
    throw new BuildError(`${command.argv[0]} could not ask the store ${options.store ?? "of this machine"}`, {
      mend: "see what nix says above; does the nix daemon run?",
      detail: stripVTControlCharacters(finished.stderr).trim(),
    });
  }
  return finished;
}

/** A desktop's closure has more paths than one command line may carry. */
function portions(paths: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(paths.length / 2000) }, (_, index) =>
    paths.slice(index * 2000, (index + 1) * 2000),
  );
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
