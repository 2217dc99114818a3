/** What a host is: what it runs, what it would boot, and everything else that a deploy could have touched. */
import { readFileSync } from "node:fs";
import type { Disk } from "./disk.ts";

/** Store paths; null where there is none. */
export type Triple = {
  /** /run/current-system */
  running: string | null;
  /** What the system profile leads to. */
  profile: string | null;
  /** What the boot loader would start now. */
  bootDefault: string | null;
};
export type State = Triple & {
  /** /run/booted-system */
  booted: string | null;
};

/** Reads the boot loader's files from outside, so that a host that is off or cut off can be asked too. */
export function bootDefault(disk: Disk): string | null {
  const read = (file: string) => {
    try {
      return readFileSync(disk.path(file), "utf8");
    } catch {
      return "";
    }
  };
  const grub = /\sinit=(\S+)\/init(?:\s|$)/.exec(read("/boot/grub/grub.cfg"))?.[1];
  if (grub) return grub;
  const entry = /^default\s+(\S+)\s*$/m.exec(read("/boot/loader/loader.conf"))?.[1];
  if (!entry) return null;
  return /^options\s(?:.*\s)?init=(\S+)\/init(?:\s|$)/m.exec(read(`/boot/loader/entries/${entry}`))?.[1] ?? null;
}

/** Prints running, booted and profile, a line each; an empty line where there is none. */
export const readlinks = `
for link in /run/current-system /run/booted-system /nix/var/nix/profiles/system; do
  readlink -e "$link" || echo
done`;

/**
 * Prints all that a deploy may change, in a stable order: files of the places below with their contents' hash,
 * symlinks with their targets, store paths, and the units that are active or failed. Left out is what changes by
 * being looked at: sessions, nix-daemon and its directories per user, services started by their bus name.
 */
export const listState = `
cd /
find boot etc nix/var/nix/profiles nix/var/nix/gcroots var/lib/bungee run/current-system run/booted-system \\
  \\( -name per-user -o -path nix/var/nix/gcroots/auto -o -path etc/.pwd.lock \\) -prune -o -printf '%p %y %m %u:%g %l\\n' 2>/dev/null | LC_ALL=C sort
find run/systemd/transient -mindepth 1 ! -name 'session-*.scope' 2>/dev/null | LC_ALL=C sort
find boot etc var/lib/bungee -type f -exec sha256sum {} + 2>/dev/null | LC_ALL=C sort -k 2
find nix/store -mindepth 1 -maxdepth 1 ! -name .links ! -name '*.lock' | LC_ALL=C sort
systemctl list-units --plain --no-legend --full --type=service,socket,target,timer,mount,path |
  awk '{ print $1, $2, $3, $4 }' |
  grep -Ev '^(user@|user-runtime-dir@|run-user-|session-|nix-daemon\\.|systemd-(hostnamed|timedated|localed)\\.|systemd-tmpfiles-clean\\.)' |
  LC_ALL=C sort`;

/** The lines that two listings do not share: "- line" only before, "+ line" only after. */
export function difference(before: string, after: string): string[] {
  const [old, now] = [before.split("\n"), after.split("\n")];
  const [oldSet, nowSet] = [new Set(old), new Set(now)];
  return [
    ...old.filter((line) => !nowSet.has(line)).map((line) => `- ${line}`),
    ...now.filter((line) => !oldSet.has(line)).map((line) => `+ ${line}`),
  ];
}
