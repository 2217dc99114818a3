/** Whether a system needs a reboot to be whole: its kernel, initrd or modules are not those that were booted. */
import { realpath } from "node:fs/promises";
import { join } from "node:path";

const PARTS = ["kernel", "initrd", "kernel-modules"];

/** Compares resolved paths: two toplevels may link to one kernel by different names. Both must be in the local store. */
export async function kernelChanged(booted: string, release: string): Promise<boolean | null> {
  const same = await Promise.all(
    PARTS.map(async (part) => (await target(booted, part)) === (await target(release, part))),
  ).catch(() => null);
  return same === null ? null : same.includes(false);
}

const target = (toplevel: string, part: string): Promise<string | null> =>
  realpath(join(toplevel, part)).catch((error: NodeJS.ErrnoException) => {
    // A container has no kernel of its own; a toplevel that is not here at all cannot be compared.
    if (error.code !== "ENOENT") throw error;
    return realpath(toplevel).then(() => null);
  });
