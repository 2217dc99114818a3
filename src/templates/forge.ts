/** Which forge a repository is pushed to, by its git configuration: the pipeline has to be one that it understands. */
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

export const PIPELINES = ["github", "forgejo", "gitlab"] as const;
export type Pipeline = (typeof PIPELINES)[number];

/** A word in the name of the remote's host. */
const SIGNS: readonly (readonly [RegExp, Pipeline])[] = [
  [/(^|\.)github\./, "github"],
  [/gitlab/, "gitlab"],
  [/forgejo|(^|\.)codeberg\.org$/, "forgejo"],
];

export interface Remote {
  /** Whether the folder is in one at all. */
  readonly repository: boolean;
  /** The host's name; null where the repository is pushed nowhere. */
  readonly host: string | null;
  /** null: its name does not tell. */
  readonly pipeline: Pipeline | null;
}

/** Of the repository that a folder is in. */
export async function remoteOf(directory: string): Promise<Remote> {
  const config = await gitConfig(resolve(directory));
  const host = hostOf(urlIn(config ?? "") ?? "");
  return {
    repository: config !== undefined,
    host,
    pipeline: (host && SIGNS.find(([sign]) => sign.test(host))?.[1]) || null,
  };
}

/** `origin` comes before others. */
export function urlIn(config: string): string | undefined {
  const urls = new Map<string, string>();
  let remote: string | undefined;
  for (const line of config.split("\n")) {
    const section = /^\s*\[(.*)\]/.exec(line)?.[1];
    if (section !== undefined) remote = /^remote "(.*)"$/.exec(section)?.[1];
    const url = /^\s*url\s*=\s*(\S+)/.exec(line)?.[1];
    if (remote !== undefined && url !== undefined && !urls.has(remote)) urls.set(remote, url);
  }
  return urls.get("origin") ?? [...urls.values()][0];
}

/** `https://host/x`, `ssh://git@host:22/x`, `git@host:x` */
export function hostOf(url: string): string | null {
  const named = /^[a-z+]+:\/\/(?:[^@/]*@)?(\[[^\]]*\]|[^:/]+)/.exec(url) ?? /^(?:[^@/:]*@)?([^:/]+):(?!\/\/)/.exec(url);
  return named?.[1]?.toLowerCase() ?? null;
}

/** A work tree of its own has a file in place of the folder. */
async function gitConfig(directory: string): Promise<string | undefined> {
  const dot = join(directory, ".git");
  const config = (await read(join(dot, "config"))) ?? (await configOfWorktree(directory, await read(dot)));
  if (config !== undefined) return config;
  const above = dirname(directory);
  return above === directory ? undefined : gitConfig(above);
}

async function configOfWorktree(directory: string, pointer: string | undefined): Promise<string | undefined> {
  const target = /^gitdir: (.+)$/m.exec(pointer ?? "")?.[1];
  if (target === undefined) return undefined;
  const own = resolve(directory, target.trim());
  const common = (await read(join(own, "commondir")))?.trim();
  return await read(join(common === undefined ? own : resolve(own, common), "config"));
}

const read = (file: string): Promise<string | undefined> => readFile(file, "utf8").catch(() => undefined);
