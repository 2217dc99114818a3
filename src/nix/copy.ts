/** `nix copy` to another store: closures, or derivations to be built there. */
import { stripVTControlCharacters } from "node:util";
import { CopyError } from "../errors.ts";
import { lineSplitter } from "../lines.ts";
import { type Command, runLocal } from "../process.ts";
import { nix } from "./command.ts";

export interface CopyOptions {
  /** Lets the other store fetch from its own substituters what they have. Default false. */
  readonly substitute?: boolean;
  /**
   * Refuse paths without a signature even when the other side would trust us. Default false: a daemon demands signatures
   * of users that it does not trust, whatever the client says; of trusted users none.
   */
  readonly requireSignatures?: boolean;
  readonly signal?: AbortSignal;
  /** A line of nix, such as `copying path '/nix/store/…' to 'unix://'...` */
  readonly onLine?: (line: string) => void;
}

export function copyCommand(store: string, paths: readonly string[], options: CopyOptions = {}): Command {
  return nix(
    ["copy"],
    ...["--to", store],
    ...(options.requireSignatures ? [] : ["--no-check-sigs"]),
    // Up to 2.19, the daemon protocol heeds this setting instead of the flag (NixOS/nix#9600).
    ...(options.substitute ? ["--substitute-on-destination", "--option", "builders-use-substitutes", "true"] : []),
    ...paths,
  );
}

/** Copies derivations with all that is needed to build them there, and none of their outputs. */
function copyDerivationsCommand(store: string, drvPaths: readonly string[]): Command {
  return nix(["copy"], "--derivation", "--no-check-sigs", "--to", store, ...drvPaths);
}

/** @throws CopyError */
export async function copyClosure(store: string, paths: readonly string[], options: CopyOptions = {}): Promise<void> {
  await run(copyCommand(store, paths, options), options);
}

/** @throws CopyError */
export async function copyDerivations(
  store: string,
  drvPaths: readonly string[],
  options: Pick<CopyOptions, "signal" | "onLine"> = {},
): Promise<void> {
  await run(copyDerivationsCommand(store, drvPaths), options);
}

/**
 * Gives the other store the signatures that this one has of paths which are in both: a copy passes over what is there already, also when
 * it was signed since.
 * @throws CopyError
 */
export async function copySignatures(
  store: string,
  paths: readonly string[],
  options: Pick<CopyOptions, "signal" | "onLine"> = {},
): Promise<void> {
  await run(nix(["store", "copy-sigs"], "--recursive", "--substituter", "auto", "--store", store, ...paths), options);
}

/** Plain log, not internal-json: that one writes a record for every few kilobytes, which would cost the copy its speed. */
async function run(command: Command, options: Pick<CopyOptions, "signal" | "onLine">): Promise<void> {
  const lines = lineSplitter((line) => options.onLine?.(stripVTControlCharacters(line)));
  const finished = await runLocal(command, {
    ...(options.signal ? { signal: options.signal } : {}),
    keep: 64 * 1024,
    onStderr: lines.push,
  });
  lines.end();
  if (finished.code !== 0) {
    throw new CopyError("nix copy failed", {
      mend: "see what nix says above; what arrived stays there, and the next try goes on from it",
      detail: lastWords(finished.stderr),
    });
  }
}

/** Without the list of what went well. */
function lastWords(stderr: string): string {
  return stripVTControlCharacters(stderr)
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^(copying|these|this) /.test(line))
    .slice(-20)
    .join("\n");
}
