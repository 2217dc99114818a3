/** `nix flake metadata`: pins a flake to one snapshot in the store, which every evaluation then reads. */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { EvaluationError } from "../errors.ts";
import { nix, nixString } from "./command.ts";
import { explain } from "./explain.ts";
import { type NixOptions, runNix } from "./run.ts";
import type { NixVersion } from "./version.ts";

export interface Snapshot {
  /** The flake as it was asked for, resolved: `git+file:///home/me/fleet?dir=hosts`. */
  readonly url: string;
  /** Its source tree, as a store path. */
  readonly path: string;
  /** The flake's folder in that tree; "" for the top. */
  readonly dir: string;
  /** Locked reference to `path` that says the same of `self` as the origin would; also what a cache may go by. */
  readonly ref: string;
  /** The flake as a Nix expression, for pure evaluation. */
  readonly expression: string;
  readonly narHash: string;
  /** nix' own key for its evaluation cache; null where nix gives none (before 2.20, mutable `path:` flakes). */
  readonly fingerprint: string | null;
  /** SHA-256 of flake.lock, hex; null without one. */
  readonly lockHash: string | null;
  /** Revision of the source, `…-dirty` for uncommitted changes where nix says so (2.26 does, 2.8 does not). */
  readonly revision: string | null;
  /** Seconds since 1970. */
  readonly lastModified: number | null;
  readonly description: string | null;
  /** It comes from a git work tree of this machine: files that git does not track are not in it. */
  readonly fromWorkTree: boolean;
}

const metadataSchema = z.object({
  path: z.string().startsWith("/"),
  resolvedUrl: z.string(),
  description: z.string().nullish(),
  fingerprint: z.string().nullish(),
  dirtyRevision: z.string().nullish(),
  locked: z.object({
    type: z.string(),
    url: z.string().optional(),
    dir: z.string().optional(),
    narHash: z.string(),
    rev: z.string().optional(),
    revCount: z.number().optional(),
    lastModified: z.number().optional(),
  }),
  locks: z.unknown(),
});
export type Metadata = z.output<typeof metadataSchema>;

/**
 * A missing or outdated flake.lock of a local flake is written, as every nix command does.
 * @param flake a flake reference without fragment: `.`, a path, `git+https://…`
 * @throws EvaluationError
 */
export async function snapshotFlake(flake: string, version: NixVersion, options: NixOptions = {}): Promise<Snapshot> {
  const { metadata, lock } = await readLocked(flake, options);
  const { locked } = metadata;
  const ref = pinnedRef(metadata);
  return {
    url: metadata.resolvedUrl,
    path: metadata.path,
    dir: locked.dir ?? "",
    ref,
    expression: locked.dir && lacksDir(version) ? await throughInput(metadata, options) : getFlake(ref),
    narHash: locked.narHash,
    fingerprint: metadata.fingerprint ?? null,
    lockHash: lock === null ? null : createHash("sha256").update(lock).digest("hex"),
    revision: locked.rev ?? metadata.dirtyRevision ?? null,
    lastModified: locked.lastModified ?? null,
    description: metadata.description ?? null,
    fromWorkTree: locked.type === "git" && (locked.url?.startsWith("file:") ?? false),
  };
}

function getFlake(ref: string): string {
  return `(builtins.getFlake ${nixString(ref)})`;
}

/** Where `path:` references refuse `dir`. 2.8 does, 2.26 does not; in between the other way is right as well. */
function lacksDir({ major, minor }: NixVersion): boolean {
  return major === 2 && minor < 26;
}

/** As an input of another flake, written as attributes, a path may have a `dir` in every version. */
async function throughInput({ path, locked }: Metadata, options: NixOptions): Promise<string> {
  const { narHash, dir, rev, revCount, lastModified } = locked;
  const attributes = Object.entries({ type: "path", path, narHash, dir, rev, revCount, lastModified })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} = ${typeof value === "number" ? value : nixString(String(value))};`);
  const folder = await mkdtemp(join(tmpdir(), "bungee-flake-"));
  try {
    const flake = `{ inputs.fleet = { ${attributes.join(" ")} }; outputs = inputs: { }; }\n`;
    await writeFile(join(folder, "flake.nix"), flake);
    const { metadata } = await readLocked(`path:${folder}`, options);
    return `${getFlake(pinnedRef(metadata))}.inputs.fleet`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readLocked(flake: string, options: NixOptions): Promise<{ metadata: Metadata; lock: string | null }> {
  const metadata = await readMetadata(flake, options);
  const lock = await readLock(metadata);
  if (lockIsComplete(metadata, lock)) return { metadata, lock };
  // nix has just written the lock file, and newer ones still show the tree as it was before: take it again.
  const again = await readMetadata(flake, options);
  return { metadata: again, lock: await readLock(again) };
}

async function readMetadata(flake: string, options: NixOptions): Promise<Metadata> {
  const finished = await runNix(nix(["flake", "metadata"], "--json", flake), options);
  if (finished.code !== 0) {
    throw new EvaluationError(`nix cannot read the flake ${flake}`, {
      mend: "correct what nix says above; is it a folder with a flake.nix, or a flake reference?",
      detail: explain(finished),
    });
  }
  const metadata = parseMetadata(finished.stdout);
  if (metadata === undefined) {
    throw new EvaluationError(`nix flake metadata ${flake} gave no locked source in the store`, {
      mend: "report it, with the version of nix",
      detail: finished.stdout.slice(0, 2000),
    });
  }
  return metadata;
}

export function parseMetadata(json: string): Metadata | undefined {
  try {
    return metadataSchema.parse(JSON.parse(json));
  } catch {
    return undefined;
  }
}

/**
 * A `path:` reference may carry what the tree was where it came from, so that `self.rev` and `self.lastModified`
 * (and with them `system.configurationRevision`) are what nixos-rebuild would see. `dirtyRev` may not be given.
 */
export function pinnedRef({ path, locked }: Metadata): string {
  const query = new URLSearchParams({ narHash: locked.narHash });
  if (locked.dir) query.set("dir", locked.dir);
  if (locked.rev !== undefined) query.set("rev", locked.rev);
  if (locked.revCount !== undefined) query.set("revCount", String(locked.revCount));
  if (locked.lastModified !== undefined) query.set("lastModified", String(locked.lastModified));
  // "+" for a space is a habit of forms; nix decodes percent signs only.
  return `path:${path}?${query.toString().replaceAll("+", "%20")}`;
}

async function readLock(metadata: Metadata): Promise<string | null> {
  try {
    return await readFile(join(metadata.path, metadata.locked.dir ?? "", "flake.lock"), "utf8");
  } catch {
    return null;
  }
}

function lockIsComplete({ locks }: Metadata, lock: string | null): boolean {
  const wanted = z.object({ nodes: z.record(z.string(), z.unknown()) }).safeParse(locks);
  if (!wanted.success || Object.keys(wanted.data.nodes).length <= 1) return true;
  try {
    return lock !== null && isDeepStrictEqual(JSON.parse(lock).nodes, wanted.data.nodes);
  } catch {
    return false;
  }
}

/** `.#web1` → the flake and the node that nixos-rebuild would take; the fragment may be quoted and percent-encoded. */
export function splitFragment(flake: string): { readonly flake: string; readonly fragment: string | null } {
  const hash = flake.indexOf("#");
  if (hash < 0) return { flake, fragment: null };
  let fragment = flake.slice(hash + 1);
  try {
    fragment = decodeURIComponent(fragment);
  } catch {
    // A percent sign that encodes nothing stands for itself.
  }
  fragment = fragment.replace(/^nixosConfigurations\./, "").replace(/^"(.*)"$/s, "$1");
  return { flake: flake.slice(0, hash) || ".", fragment: fragment || null };
}
