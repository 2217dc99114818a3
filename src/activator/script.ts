/** The scripts that are sent to hosts, and how they are sent. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "../process.ts";

const read = (...parts: string[]) => readFileSync(join(import.meta.dirname, ...parts), "utf8");

/** The activator: its parts in `host/`, in the order of their names. `cat src/activator/host/*.sh` gives the same. */
export const SCRIPT = readdirSync(join(import.meta.dirname, "host"))
  .filter((name) => name.endsWith(".sh"))
  .sort()
  .map((name) => read("host", name))
  .join("");

/** What a cache host is asked with. nix/cache-push.nix puts the same together. */
export const CACHE_KEEPER = [
  read("host", "01-answers.sh"),
  read("host", "02-host.sh"),
  read("cache", "keeper.sh"),
].join("");

/** What a host tells Prometheus of itself; nix/metrics.nix runs the same. */
export const METRICS = read("metrics.sh");

/**
 * Every question brings the script along: the very first deploy is protected too, and both sides are of one version.
 * `head -c` takes exactly the script; what follows (the token) is left for the script to read. The newline ends what a login shell
 * may have printed without one.
 */
const LOADER = 'echo; BUNGEE_ACTIVATOR=$(head -c "$1"); shift; eval "$BUNGEE_ACTIVATOR"';

/** @param name what the script is called in a list of processes */
export const streamed = (name: string, script: string, args: readonly string[], input: string): Command => ({
  argv: ["/bin/sh", "-c", LOADER, name, String(Buffer.byteLength(script)), ...args],
  stdin: `${script}${input}\n`,
  root: true,
});
