/** The titles of tests, as documents name them. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const checkout = join(import.meta.dirname, "..", "..");

/** Titles as they stand in the source of a test; what a template fills in is `…`. None where there is no such file. */
export function titlesIn(file: string): string[] {
  if (!existsSync(join(checkout, file))) return [];
  const source = readFileSync(join(checkout, file), "utf8");
  const titles = source.matchAll(/\b(?:describe|test|it)\(\s*(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`)/g);
  return [...titles].map(([, plain, template = ""]) => plain ?? template.replaceAll(/\$\{[^}]*\}/g, "…"));
}
