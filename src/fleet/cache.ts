/**
 * What was evaluated is remembered: an unchanged flake is not evaluated again. One small file per entry under
 * $XDG_CACHE_HOME/bungee/eval. nix' own cache does not serve here: `nix eval` never reads it, and parallel writers lose entries.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import type { Snapshot } from "../nix/flake.ts";
import type { NixVersion } from "../nix/version.ts";
import { cacheHome } from "../xdg.ts";

/** Raised when an expression of ours or the shape of an entry changes. */
const FORMAT = 2;
const KEPT_DAYS = 30;
const entrySchema = z.object({ key: z.unknown(), value: z.unknown() });

export interface EvaluationCache {
  /** undefined: not there, unreadable, or not of this shape; it is then evaluated and written again. */
  read<Schema extends z.ZodType>(attribute: string, schema: Schema): Promise<z.output<Schema> | undefined>;
  write(attribute: string, value: unknown): Promise<void>;
}

/** For evaluations whose result may differ each time (`--impure`). */
export const noCache: EvaluationCache = { read: async () => undefined, write: async () => {} };

export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return join(cacheHome(env), "bungee", "eval");
}

/** The entries of one flake, exactly as it is now, for this version of nix. */
export function openCache(
  snapshot: Pick<Snapshot, "ref" | "fingerprint" | "lockHash">,
  nix: Pick<NixVersion, "text">,
  directory = cacheDirectory(),
): EvaluationCache {
  const keyOf = (attribute: string) => ({
    format: FORMAT,
    nix: nix.text,
    // The reference holds narHash, revision and time, all that a flake can see of itself.
    flake: [snapshot.ref, snapshot.fingerprint, snapshot.lockHash],
    system: `${process.arch}-${process.platform}`,
    attribute,
  });
  const fileOf = (key: unknown) =>
    join(directory, `${createHash("sha256").update(JSON.stringify(key)).digest("hex")}.json`);
  let pruned: Promise<void> | undefined;

  return {
    async read(attribute, schema) {
      const key = keyOf(attribute);
      try {
        const file = fileOf(key);
        const entry = entrySchema.parse(JSON.parse(await readFile(file, "utf8")));
        if (!isDeepStrictEqual(entry.key, key)) return undefined;
        const value = schema.parse(entry.value);
        const now = new Date();
        await utimes(file, now, now).catch(() => {});
        return value;
      } catch {
        return undefined;
      }
    },
    async write(attribute, value) {
      const key = keyOf(attribute);
      const file = fileOf(key);
      const draft = `${file}.${randomUUID()}`;
      try {
        await mkdir(directory, { recursive: true });
        // A reader sees the old entry or the new one, never half of it.
        await writeFile(draft, JSON.stringify({ key, value }));
        await rename(draft, file);
      } catch {
        // A cache that cannot be written costs time, not the deployment.
        await rm(draft, { force: true }).catch(() => {});
      }
      pruned ??= prune(directory);
      await pruned;
    },
  };
}

/** Removes what nobody has read for long, drafts of a killed writer included. */
async function prune(directory: string): Promise<void> {
  const oldest = Date.now() - KEPT_DAYS * 24 * 3600 * 1000;
  for (const name of await readdir(directory).catch(() => [])) {
    const file = join(directory, name);
    const age = await stat(file).catch(() => undefined);
    if (age?.isFile() && age.mtimeMs < oldest) await rm(file, { force: true }).catch(() => {});
  }
}
