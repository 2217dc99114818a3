/** How nix is called: the flags that every call carries, so that it works for a user who has no experimental feature on. */
import type { Command } from "../process.ts";

const FEATURES = ["--extra-experimental-features", "nix-command flakes"] as const;

/** A verb of the new command line, e.g. `nix(["flake", "metadata"], …)`. */
export function nix(verb: readonly string[], ...args: string[]): Command {
  return { argv: ["nix", ...verb, ...FEATURES, ...args] };
}

/** The old command line, whose interface has not changed since nix 2.0: preferred wherever it can do the work. */
export function nixStore(...args: string[]): Command {
  return { argv: ["nix-store", ...args] };
}

/** Arguments that point a command to another store than this machine's. */
export function inStore(store: string | undefined): string[] {
  return store === undefined ? [] : ["--store", store];
}

/** Any text as a string literal of the Nix language. Also right as an attribute name: `set.${nixString(name)}`. */
export function nixString(text: string): string {
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("${", "\\${")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return `"${escaped}"`;
}
