/** Puts files into a folder, and never over what stands there. */
import { lstat, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ConfigurationError } from "../errors.ts";
import type { TemplateFile } from "./template.ts";

/** Those that something stands in the way of: itself, or a file where it wants a folder. */
export async function inTheWay(directory: string, files: readonly TemplateFile[]): Promise<string[]> {
  const found = await Promise.all(files.map(({ path }) => obstacle(directory, path)));
  return [...new Set(found.filter((path) => path !== undefined))];
}

async function obstacle(directory: string, path: string): Promise<string | undefined> {
  const above = dirname(path);
  const before = above === "." ? undefined : await obstacleFolder(directory, above);
  if (before !== undefined) return before;
  return (await stat(join(directory, path))) === undefined ? undefined : path;
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
