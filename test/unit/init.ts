/** What the tests of `bungee init` share: it as a process, folders to run it in, and what a folder holds. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { runLocal } from "../../src/process.ts";

const MAIN = join(import.meta.dirname, "..", "..", "src", "main.ts");
export const init = (...words: string[]) =>
  runLocal({ argv: [process.execPath, MAIN, "init", ...words] }, { env: { FORCE_COLOR: undefined, NO_COLOR: "1" } });

export const scratch = mkdtempSync(join(tmpdir(), "bungee-init-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
let folders = 0;
/** An empty one. */
export const folder = () => {
  const path = join(scratch, `folder-${++folders}`);
  mkdirSync(path);
  return path;
};

/** Path → text, or where a link leads. */
export function treeOf(path: string): Record<string, string> {
  const entries = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
  const names = entries.map((entry) => [join(entry.parentPath, entry.name), entry.isFile()] as const);
  return Object.fromEntries(
    names.map(([name, is]) => [name.slice(path.length + 1), is ? readFileSync(name, "utf8") : "-> "]),
  );
}

export const WORKFLOWS = {
  github: ".github/workflows/fleet.yml",
  forgejo: ".forgejo/workflows/fleet.yml",
  gitlab: ".gitlab-ci.yml",
};
export type Forge = keyof typeof WORKFLOWS;
export const FORGES = Object.keys(WORKFLOWS) as Forge[];
