/**
 * The root filesystems of hosts and workstations: built once by mmdebstrap, cached by their recipe, read-only from
 * then on.
 */
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { adminEnv, exec, LabError, must } from "./exec.ts";

/** Debian 12 has nix 2.8 and systemd 252; Debian 13 has nix 2.26 and systemd 257. */
export const releases = ["bookworm", "trixie"] as const;
export type Release = (typeof releases)[number];

const recipeDir = join(import.meta.dirname, "rootfs");

/** Where everything stands that outlives a run of the lab. */
export function cacheDir(): string {
  return process.env.BUNGEE_LAB_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "bungee-lab");
}

/** The hash over names, modes and contents of all files of the recipe. */
function recipeHash(): string {
  const hash = createHash("sha256");
  for (const name of globSync("**", { cwd: recipeDir }).sort()) {
    const path = join(recipeDir, name);
    const stat = statSync(path);
    if (stat.isFile()) hash.update(`${name}\0${stat.mode & 0o111}\0`).update(readFileSync(path));
  }
  return hash.digest("hex").slice(0, 12);
}

/** The directory of a release's root filesystem, which `ensureRootfs` has built. */
export function rootfs(release: Release): string {
  return join(cacheDir(), `${release}-${recipeHash()}`);
}

/**
 * Builds the root filesystem of a release unless it is there. Needs the machine's network: call it outside of the
 * sandbox.
 */
export async function ensureRootfs(release: Release, say: (line: string) => void): Promise<void> {
  const target = rootfs(release);
  if (existsSync(target)) return;
  mkdirSync(cacheDir(), { recursive: true });
  const started = Date.now();
  say(`lab: building the root filesystem of ${release} (once; it takes about a minute)`);
  const argv = [join(recipeDir, "build.sh"), release, await mirror(), target, ...(await aptOptions())];
  await must(["flock", `${target}.lock`, ...argv], { env: adminEnv() });
  say(`lab: ${target} is ready after ${((Date.now() - started) / 1000).toFixed(0)} s`);
}

/** The Debian mirror that this machine itself uses. */
async function mirror(): Promise<string> {
  const given = process.env.BUNGEE_LAB_MIRROR;
  if (given) return given;
  const { stdout } = await exec(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
  const found = stdout.split("\n").find((uri) => /\/debian\/?$/.test(uri));
  if (!found) throw new LabError("apt knows no Debian mirror on this machine: set BUNGEE_LAB_MIRROR to one");
  return found;
}

/** This machine's own way to the network (proxies, certificates) as options for mmdebstrap. */
async function aptOptions(): Promise<string[]> {
  const { stdout } = await exec(["apt-config", "dump"]);
  return stdout.split("\n").flatMap((line) => (/^Acquire::https?::.* ".+";$/.test(line) ? [`--aptopt=${line}`] : []));
}
