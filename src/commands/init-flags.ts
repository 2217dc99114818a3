/** The flags of `bungee init`. */
import { PIPELINES, type Pipeline } from "../templates/forge.ts";
import { TEMPLATES, type Template } from "../templates/template.ts";
import * as options from "./options.ts";
import type { Flag, Typed } from "./verb.ts";

export interface InitArguments {
  readonly directory: string;
  /** undefined: nothing is said. */
  readonly template: Template | undefined;
  /** undefined: as the git remote says. */
  readonly ci: Pipeline | "none" | undefined;
  readonly dryRun: boolean;
}

const PIPELINES_OR_NONE = [...PIPELINES, "none"] as const;

export const initFlags: Readonly<Record<string, Flag>> = {
  directory: { value: "dir", describe: "where to write (default: .)" },
  template: { value: "name", choices: TEMPLATES, describe: "where no flake is: minimal fleet (default) ci" },
  ci: { value: "forge", choices: PIPELINES_OR_NONE, describe: "github forgejo gitlab none (default: by git's remote)" },
  "dry-run": { describe: "say what would be written, and write nothing" },
};

/** @throws UsageError */
export function readInit(typed: Typed): InitArguments {
  const { selectors, flags } = typed;
  const directory = flags.get("directory") ?? ".";
  const args: InitArguments = {
    directory: String(directory),
    template: options.readChoice("template", TEMPLATES, typed),
    ci: options.readChoice("ci", PIPELINES_OR_NONE, typed),
    dryRun: flags.has("dry-run"),
  };
  const { refuse } = options;
  refuse(
    selectors.length > 0,
    `bungee init chooses no hosts, and ${selectors.join(" ")} stands there`,
    "leave it out; a template is named by --template, a folder by --directory",
  );
  refuse(directory === "", "--directory is empty", "give the folder, or leave it out for the one here");
  refuse(
    args.template !== undefined && args.template !== "ci" && args.ci !== undefined && args.ci !== "none",
    `the template ${args.template} has no pipeline, and --ci ${args.ci} names one`,
    "say --template ci, or leave --ci out",
  );
  return args;
}
