/** The templates that this bungee brings along, as files: `templates/` beside `src`, and beside `dist` where it is published. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Pipeline } from "./forge.ts";

export const TEMPLATES = ["minimal", "fleet", "ci"] as const;
export type Template = (typeof TEMPLATES)[number];

export interface TemplateFile {
  /** From the folder that it is written into. */
  readonly path: string;
  readonly text: string;
}

const FOLDER = fileURLToPath(new URL("../../templates", import.meta.url));

const ABOVE = join(FOLDER, "..");
/** Where bungee's own repository stands on this machine; undefined where this bungee was not run from one. */
export const CHECKOUT: string | undefined = existsSync(join(ABOVE, ".git")) ? ABOVE : undefined;

/** Of a pipeline, what a flake needs that has none; the rest of the template `ci` is a fleet. */
const PIPELINE_FILES: Readonly<Record<Pipeline, string>> = {
  github: ".github/workflows/fleet.yml",
  forgejo: ".forgejo/workflows/fleet.yml",
  gitlab: ".gitlab-ci.yml",
};
const BESIDE_A_PIPELINE = "ci/";

/** What a pipeline reads becomes its users' own. */
export const isBesideAPipeline = ({ path }: TemplateFile): boolean => path.startsWith(BESIDE_A_PIPELINE);

/** A whole template; of its pipelines, the one that is wanted. */
export async function filesOfTemplate(template: Template, pipeline: Pipeline | undefined): Promise<TemplateFile[]> {
  const others = Object.entries(PIPELINE_FILES).filter(([name]) => name !== pipeline);
  const files = await readAll(template);
  return files.filter(({ path }) => !others.some(([, other]) => other === path));
}

/** What a flake that stands already is given: a pipeline, and what it reads. */
export async function filesOfPipeline(pipeline: Pipeline): Promise<TemplateFile[]> {
  const files = await readAll("ci");
  return files.filter((file) => file.path === PIPELINE_FILES[pipeline] || isBesideAPipeline(file));
}

async function readAll(template: Template): Promise<TemplateFile[]> {
  const folder = join(FOLDER, template);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = paths.map(async (path) => ({
    path: path.slice(folder.length + 1),
    text: await readFile(path, "utf8"),
  }));
  return (await Promise.all(files)).sort((a, b) => (a.path < b.path ? -1 : 1));
}
