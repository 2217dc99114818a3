/** Directories for sockets and keys that nobody else may reach, gone with what they belong to. */
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** sun_path is 108 bytes on Linux, 104 elsewhere, with its NUL. */
const MAX_PATH = 103;

/** Those that are there: removed also when bungee is told to leave at once. */
const directories = new Set<string>();
process.on("exit", () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

export interface PrivateDirectory {
  readonly path: string;
  remove(): Promise<void>;
}

/**
 * Only its owner may enter. Its path consists of plain characters: nix reads it out of a URI, ssh and a shell out of a setting.
 * @param longest name of a socket in it
 */
export async function privateDirectory(longest: number, base: string = tmpdir()): Promise<PrivateDirectory> {
  const fits = Buffer.byteLength(join(base, "bungee-XXXXXX", "x".repeat(longest))) <= MAX_PATH;
  const path = await mkdtemp(join(fits && /^[\w./-]+$/.test(base) ? base : "/tmp", "bungee-"));
  directories.add(path);
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true });
      directories.delete(path);
    },
  };
}
