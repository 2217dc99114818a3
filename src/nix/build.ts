/**
 * Builds derivations with `nix-store --realise`: its interface and its exit codes are the same from nix 2.8 to 2.34, while
 * `nix build` of several derivations needs `^*` in some versions and may not have it in others, and its JSON changes.
 */
import { BuildError } from "../errors.ts";
import { type Command, runLocal } from "../process.ts";
import { inStore, nixStore } from "./command.ts";
import type { LogRecord } from "./log.ts";
import { type NixFinished, runNix, said } from "./run.ts";
import { missingPaths } from "./store.ts";

export interface BuildRequest {
  /** For whom: the node. */
  readonly name: string;
  readonly drvPath: string;
  readonly outPath: string;
}

export interface BuildOptions {
  /** Where to build: a store URI. Default: this machine's store, with nix' own remote builders. */
  readonly store?: string;
  /**
   * A path under which roots are made that keep what was built from the garbage collector: `<root>`, `<root>-2`, …
   * One that no other build uses. Only for this machine's store.
   */
  readonly root?: string;
  readonly signal?: AbortSignal;
  /** A line of a builder's log, with its derivation, or of nix itself (null). */
  readonly onLine?: (line: string, drvPath: string | null) => void;
  /** Derivations done and to do, those that are needed on the way included. */
  readonly onProgress?: (done: number, expected: number) => void;
}

export function realiseCommand(
  drvPaths: readonly string[],
  options: Pick<BuildOptions, "store" | "root"> = {},
): Command {
  const root = options.root === undefined ? [] : ["--add-root", options.root];
  return nixStore("--realise", "--keep-going", ...root, ...inStore(options.store), ...drvPaths);
}

/**
 * Builds all it can; what fails takes nothing else with it.
 * @returns the failures by name; a name that is not in it was built, and is rooted where `root` was asked for.
 */
export async function realise(
  requests: readonly BuildRequest[],
  options: BuildOptions = {},
): Promise<ReadonlyMap<string, BuildError>> {
  const failures = new Map<string, BuildError>();
  if (requests.length === 0) return failures;
  const journal = new Journal(options);
  const drvPaths = [...new Set(requests.map((request) => request.drvPath))];
  const finished = await runNix(realiseCommand(drvPaths, options), {
    ...(options.signal ? { signal: options.signal } : {}),
    onRecord: (record) => journal.note(record),
  });
  if (finished.code === 0) return failures;

  // Which ones failed is told by the store, not by the words on stderr.
  const missing = new Set(
    await missingPaths(
      requests.map((request) => request.outPath),
      options,
    ).catch(() => requests.map((request) => request.outPath)),
  );
  for (const request of requests) {
    if (!missing.has(request.outPath)) continue;
    const inputs = missing.size === 1 ? null : await requisites(request.drvPath, options);
    failures.set(
      request.name,
      new BuildError("the build failed", {
        mend: `correct the configuration, or look closer: nix log ${journal.culprits(inputs)[0] ?? request.drvPath}`,
        detail: journal.explain(finished, inputs),
        node: request.name,
      }),
    );
  }
  const built = requests.filter((request) => !failures.has(request.name)).map((request) => request.outPath);
  // nix makes its roots at the end, and none when something failed.
  if (options.root !== undefined && built.length > 0) await runLocal(realiseCommand([...new Set(built)], options));
  return failures;
}

/** What a derivation is made of, itself included; null where the store cannot say. */
async function requisites(drvPath: string, options: BuildOptions): Promise<ReadonlySet<string> | null> {
  const { code, stdout } = await runLocal(nixStore("--query", "--requisites", ...inStore(options.store), drvPath));
  return code === 0 ? new Set(stdout.split("\n")) : null;
}

const LOG_LINES_KEPT = 25;

/** Remembers what was built, the end of each log and nix' errors, to tell afterwards why something is missing. */
class Journal {
  readonly #options: BuildOptions;
  readonly #logs = new Map<string, string[]>();
  /** Errors by the first derivation they name. */
  readonly #errors = new Map<string, string>();

  constructor(options: BuildOptions) {
    this.#options = options;
  }

  note(record: LogRecord): void {
    const { onLine, onProgress } = this.#options;
    switch (record.kind) {
      case "build-started":
        this.#logs.set(record.drvPath, []);
        onLine?.(`building ${record.drvPath}`, record.drvPath);
        break;
      case "build-line": {
        const log = this.#logs.get(record.drvPath);
        log?.push(record.line);
        if (log && log.length > LOG_LINES_KEPT) log.shift();
        onLine?.(record.line, record.drvPath);
        break;
      }
      case "build-progress":
        onProgress?.(record.done, record.expected);
        break;
      case "error": {
        const named = /\/[^\s'"]+\.drv/.exec(record.error.message)?.[0];
        if (named !== undefined && !this.#errors.has(named)) this.#errors.set(named, record.error.message);
        break;
      }
      case "message":
        if (record.level <= 3) onLine?.(record.text, null);
        break;
      case "plain":
        onLine?.(record.line, null);
    }
  }

  /** Derivations whose own build failed: nix complains of them and had started them. The others only depend on these. */
  culprits(inputs: ReadonlySet<string> | null): string[] {
    return [...this.#errors.keys()].filter((drvPath) => this.#logs.has(drvPath) && (inputs?.has(drvPath) ?? true));
  }

  explain(finished: NixFinished, inputs: ReadonlySet<string> | null): string {
    const texts = this.culprits(inputs).map((drvPath) =>
      [this.#errors.get(drvPath), ...(this.#logs.get(drvPath) ?? []).map((line) => `> ${line}`)].join("\n"),
    );
    return texts.length > 0 ? texts.join("\n\n") : said(finished);
  }
}
