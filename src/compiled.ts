/**
 * Node keeps what it has compiled, types stripped, under $XDG_CACHE_HOME/bungee/compiled: half of a start is compiling. What is kept is
 * executed, so it must be nobody else's; and a start never fails for want of it.
 */
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { dirname, join } from "node:path";
import { cacheHome } from "./xdg.ts";

const KEPT_DAYS = 30;

/** Before anything else is loaded. Whoever sets node's own variables for this has decided already. */
export function keepCompiled(env: NodeJS.ProcessEnv = process.env, installation = import.meta.dirname): void {
  if (env.NODE_COMPILE_CACHE || env.NODE_DISABLE_COMPILE_CACHE) return;
  try {
    const home = cacheHome(env);
    const all = join(home, "bungee", "compiled");
    // Each installation has a folder, since in a nix store every version is one.
    const folder = join(all, encodeURIComponent(installation).slice(-200));
    for (const path of [home, dirname(all), all, folder]) {
      // HOME may be another user's, as with `sudo -E`: nothing is made there, and nothing taken from there.
      if (!existsSync(path) && belongsToUs(dirname(path))) mkdirSync(path, { mode: 0o700 });
      if (!belongsToUs(path)) return;
    }
    if ([all, folder].some(canBeWrittenByOthers)) return;
    enableCompileCache(folder);
    const now = new Date();
    utimesSync(folder, now, now);
    sweep(all, now.getTime() - KEPT_DAYS * 24 * 3600 * 1000);
  } catch {
    // No home, or one that cannot be written to.
  }
}

const belongsToUs = (path: string) => statSync(path).uid === process.getuid?.();
const canBeWrittenByOthers = (path: string) => (lstatSync(path).mode & 0o022) !== 0;

/** What no installation has used for long. */
function sweep(all: string, oldest: number): void {
  for (const name of readdirSync(all)) {
    const folder = join(all, name);
    if (lstatSync(folder).mtimeMs < oldest) rmSync(folder, { recursive: true, force: true });
  }
}
