/** Puts files into a folder, and never over what stands there. */
import { lstat, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ConfigurationError } from "../errors.ts";
import type { TemplateFile } from "./template.ts";

export interface Standing {
  readonly missing: readonly TemplateFile[];
  /** Written before, and not changed since. */
  readonly same: readonly TemplateFile[];
  /** Files of another text. */
  readonly other: readonly TemplateFile[];
  /** What is no file, and stands where one is wanted, or where a folder is wanted for it. */
  readonly obstacles: readonly string[];
}

/** What of these stands in the folder already. */
export async function standing(directory: string, files: readonly TemplateFile[]): Promise<Standing> {
  const found = await Promise.all(files.map(async (file) => [file, await stands(directory, file)] as const));
  const of = (state: "missing" | "same" | "other") => found.flatMap(([file, is]) => (is === state ? [file] : []));
  const obstacles = found.flatMap(([, is]) => (typeof is === "string" ? [] : [is.obstacle]));
  return { missing: of("missing"), same: of("same"), other: of("other"), obstacles: [...new Set(obstacles)] };
}

async function stands(directory: string, { path, text }: TemplateFile) {
  const above = dirname(path);
  const before = above === "." ? undefined : await obstacleFolder(directory, above);
  if (before !== undefined) return { obstacle: before };
  const there = await stat(join(directory, path));
  if (there === undefined) return "missing";
  if (!there.isFile()) return { obstacle: path };
  return (await readFile(join(directory, path), "utf8")) === text ? "same" : "other";
}

async function obstacleFolder(directory: string, path: string): Promise<string | undefined> {
  const above = dirname(path);
  const before = above === "." ? undefined : await obstacleFolder(directory, above);
  if (before !== undefined) return before;
  const there = await stat(join(directory, path));
  // A link may lead out of the repository.
  return there === undefined || there.isDirectory() ? undefined : path;
}

const stat = (path: string) =>
  lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });

/** @throws ConfigurationError */
export async function writeAll(directory: string, files: readonly TemplateFile[]): Promise<void> {
  for (const { path, text } of files) {
    const to = join(directory, path);
    try {
      await mkdir(dirname(to), { recursive: true });
      await writeFile(to, text, { flag: "wx" });
    } catch (cause) {
      throw new ConfigurationError(`${to} cannot be written: ${(cause as NodeJS.ErrnoException).code}`, {
        mend: "see whose folder it is, and how full its disk; then remove what was written, and say it again",
        cause,
      });
    }
  }
}
