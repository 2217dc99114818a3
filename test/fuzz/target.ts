/** What is fuzzed, and how: cases are made from a seed and a number alone, so that each can be had again by itself. */
import { inspect } from "node:util";
import { Random } from "../chaos/random.ts";

export interface Target<Input = unknown> {
  readonly name: string;
  /** Cases in `npm test`. */
  readonly share: number;
  /** Cases that are checked together, where to check one alone costs much. Default: 1. */
  readonly atOnce?: number;
  /** Why it cannot run on this machine. */
  readonly skip?: string | false;
  generate(random: Random, number: number): Input;
  /** What the cases need together: a host, a server, a folder. */
  open(): Promise<Bench<Input>>;
}

export interface Bench<Input> extends AsyncDisposable {
  /** @throws BadCase, or any other error where there is but one input */
  check(inputs: readonly Input[]): Promise<void>;
}

/** One of several inputs was not borne. */
export class BadCase extends Error {
  readonly index: number;

  constructor(index: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.index = index;
  }
}

/** A target that needs nothing. `check` throws for a case that is not borne. */
export function pure<Input>(
  target: Omit<Target<Input>, "open" | "atOnce"> & { check(input: Input): void | Promise<void> },
): Target<Input> {
  return {
    ...target,
    open: async () => ({
      async check([input]) {
        await target.check(input!);
      },
      async [Symbol.asyncDispose]() {},
    }),
  };
}

export interface Round {
  readonly seed: number;
  readonly first: number;
  readonly runs: number;
}

/** Checks the cases of a round. @throws FuzzError for the first that fails, with the way to see it again */
export async function fuzz(target: Target, { seed, first, runs }: Round): Promise<void> {
  const { atOnce = 1 } = target;
  await using bench = await target.open();
  for (let start = first; start < first + runs; start += atOnce) {
    const numbers = Array.from({ length: Math.min(atOnce, first + runs - start) }, (_, index) => start + index);
    const inputs = numbers.map((number) => target.generate(new Random(target.name, seed, number), number));
    try {
      await bench.check(inputs);
    } catch (error) {
      const index = error instanceof BadCase ? error.index : 0;
      if (!(error instanceof BadCase) && inputs.length > 1) throw error;
      throw new FuzzError(target.name, seed, numbers[index]!, inputs[index], error);
    }
  }
}

class FuzzError extends Error {
  constructor(target: string, seed: number, number: number, input: unknown, cause: unknown) {
    const shown = inspect(input, { depth: 8, maxStringLength: 1500, maxArrayLength: 50, breakLength: Infinity });
    const said = cause instanceof Error ? cause.message : inspect(cause);
    super(
      [
        `${target}: seed ${seed}, case ${number}: ${said.slice(0, 2000)}`,
        `input: ${shown.slice(0, 5000)}`,
        `again: node test/fuzz/main.ts --target ${target} --seed ${seed} --case ${number}`,
      ].join("\n"),
      { cause },
    );
  }
}
