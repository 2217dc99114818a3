/**
 * The cgroups of the lab: a directory per sandbox, and below it one per boot of a host, so that a power loss is one
 * write.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const prefix = "bungee-lab-";

/** What a sandbox tells to the processes in it. */
export const cgroupVariable = "BUNGEE_LAB_CGROUP";

/**
 * The cgroup2 directory to work in. In a sandbox: its own. Else for root the top of the hierarchy, and for others
 * this process's cgroup, which then has to be delegated. Machines that mount cgroup v1 have the unified hierarchy
 * somewhere too: its mount point stands in /proc/mounts.
 */
export function cgroupBase(): string | undefined {
  const lent = process.env[cgroupVariable];
  if (lent) return lent;
  const mounts = readFileSync("/proc/mounts", "utf8").split("\n");
  const mount = mounts.map((line) => line.split(" ")).find((fields) => fields[2] === "cgroup2")?.[1];
  if (!mount || process.getuid?.() === 0) return mount;
  const own = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
  return own && join(mount, own);
}

/** Makes the cgroup of a sandbox that `process` enters. */
export function makeSandboxCgroup(base: string): string {
  const dir = join(base, prefix + process.pid);
  mkdirSync(dir, { recursive: true });
  return dir;
}

/**
 * Removes what sandboxes that were killed have left behind: empty directories. Nothing is killed here: it might be
 * somebody else's.
 */
export function sweepCgroups(base: string): void {
  for (const name of readdirSync(base)) {
    if (!name.startsWith(prefix) || existsSync(`/proc/${name.slice(prefix.length)}`)) continue;
    try {
      if (!isPopulated(join(base, name))) removeTree(join(base, name));
    } catch {
      // another sandbox sweeps at the same time
    }
  }
}

/** Kills every process in a cgroup and below, at once. */
export function killCgroup(dir: string): void {
  writeFileSync(join(dir, "cgroup.kill"), "1");
}

/** Kills what still runs in a cgroup, and removes it when the kernel lets go of it. */
export async function removeCgroup(dir: string): Promise<void> {
  if (!existsSync(dir)) return;
  killCgroup(dir);
  while (isPopulated(dir)) await sleep(3);
  removeTree(dir);
}

function isPopulated(dir: string): boolean {
  return /^populated 1$/m.test(readFileSync(join(dir, "cgroup.events"), "utf8"));
}

function removeTree(dir: string): void {
  const remove = ["find", dir, "-depth", "-type", "d", "-delete"];
  // Without root, cgroups of a host's users belong to subordinate ids: we have to be their root to remove them.
  const argv =
    process.getuid?.() === 0 ? remove : ["unshare", "--user", "--map-root-user", "--map-auto", "--", ...remove];
  execFileSync(argv[0]!, argv.slice(1), { stdio: ["ignore", "ignore", "pipe"] });
}
