/**
 * Roots on the deployer: what a deployment has built must not be collected while it is on its way.
 * They stand in a folder per deployment, which is removed as a whole at its end.
 */
import { rmSync } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

export interface Roots {
  /** A path for `BuildOptions.root`; every call gives another one. */
  next(label: string): string;
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
  // The specification wants relative values ignored.
  const state = env.XDG_STATE_HOME?.startsWith("/") ? env.XDG_STATE_HOME : join(homedir(), ".local", "state");
  return join(state, "bungee", "gcroots");
}

/** @param deployment its id, safe as a file name */
export async function openRoots(deployment: string, directory = rootsDirectory()): Promise<Roots> {
  await sweep(directory);
  const folder = join(directory, deployment);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  folders.add(folder);
  let count = 0;
  return {
    // The number in front keeps nix' own suffixes (-2, -3, …) from meeting another root's name.
    next: (label) => join(folder, `${++count}.${encodeURIComponent(label).slice(0, 100)}`),
    async release() {
      await rm(folder, { recursive: true, force: true });
      folders.delete(folder);
    },
  };
}

async function sweep(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    const folder = join(directory, name);
    const age = await stat(folder).catch(() => undefined);
    if (age && Date.now() - age.mtimeMs > FORGOTTEN_MS)
      await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}
