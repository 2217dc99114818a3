/**
 * Roots on the deployer: what a deployment has evaluated and built must not be collected while it is on its way.
 * They stand in a folder per deployment, which is removed as a whole at its end.
 */
import { rmSync } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Command, runLocal } from "../process.ts";
import { stateHome } from "../xdg.ts";
import { nixString } from "./command.ts";

export interface Roots {
  /** A path for `BuildOptions.root`; every call gives another one. */
  next(label: string): string;
  /** Keeps derivations, and with them all that is needed to build them. What cannot be kept is told by its build. */
  keep(drvPaths: readonly string[], signal?: AbortSignal): Promise<void>;
  /** Lets everything go. nix forgets the roots by itself once their links are gone. */
  release(): Promise<void>;
}

/** A deployment that was killed leaves its folder behind; none takes this long. */
const FORGOTTEN_MS = 7 * 24 * 3600 * 1000;

/** Of the deployments under way: removed also when bungee is told to leave at once. */
const folders = new Set<string>();
process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** $XDG_STATE_HOME/bungee/gcroots */
export function rootsDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return join(stateHome(env), "bungee", "gcroots");
}

/** @param deployment its id, safe as a file name */
export async function openRoots(deployment: string, directory = rootsDirectory()): Promise<Roots> {
  await sweep(directory);
  const folder = join(directory, deployment);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  folders.add(folder);
  let count = 0;
  let released = false;
  const keeping = new Set<Promise<unknown>>();
  // The number in front keeps nix' own suffixes (-2, -3, …) from meeting another root's name.
  const next = (label: string) => join(folder, `${++count}.${encodeURIComponent(label).slice(0, 100)}`);
  return {
    next,
    async keep(drvPaths, signal) {
      if (released) return;
      const kept = runLocal(keepCommand(drvPaths, next("evaluated")), signal ? { signal } : {});
      keeping.add(kept);
      await kept.finally(() => keeping.delete(kept));
    },
    async release() {
      released = true;
      // nix would make the folder anew.
      await Promise.allSettled(keeping);
      await rm(folder, { recursive: true, force: true });
      folders.delete(folder);
    },
  };
}

/**
 * `nix eval` makes no root, and `--realise` would build. To nix-instantiate a set that looks like a derivation is one: it reads no file, and
 * ten take no longer than nix takes to start. On stdin, since those of a large fleet are more than one argument can hold.
 */
function keepCommand(drvPaths: readonly string[], root: string): Command {
  const derivations = drvPaths.map(
    (drvPath) => `{ type = "derivation"; name = "any"; outputName = "out"; drvPath = ${nixString(drvPath)}; }`,
  );
  return { argv: ["nix-instantiate", "--add-root", root, "-"], stdin: `[ ${derivations.join("\n")} ]` };
}

async function sweep(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    const folder = join(directory, name);
    const age = await stat(folder).catch(() => undefined);
    if (age && Date.now() - age.mtimeMs > FORGOTTEN_MS)
      await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}
