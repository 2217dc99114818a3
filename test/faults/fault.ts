/** A fault that is put in: how it is said. */

export interface Edit {
  /** From the top of the checkout. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface Fault {
  readonly pitfall: string;
  /** What is wrong then, in a few words. */
  readonly what: string;
  readonly edits: readonly Edit[];
  /** The test that has to fail: its file, and its title below those of the suites and tests that it is in. */
  readonly caughtBy: { readonly file: string; readonly path: readonly [string, ...string[]] };
}

export const host = (part: string, find: string, replace: string): Edit => ({
  file: `src/activator/host/${part}.sh`,
  find,
  replace,
});
export const src = (file: string, find: string, replace: string): Edit => ({ file: `src/${file}`, find, replace });
export const pitfalls = (file: string, ...path: [string, ...string[]]) => ({
  file: `test/e2e/pitfalls/${file}.test.ts`,
  path,
});
export const e2e = (file: string, ...path: [string, ...string[]]) => ({ file: `test/e2e/${file}.test.ts`, path });
