/** Gives the reporter that was asked for, or the one that suits the output. */
import { githubReporter } from "./github.ts";
import { jsonReporter } from "./json.ts";
import { linesReporter } from "./lines.ts";
import type { Reporter, ReporterOptions, ReportKind } from "./reporter.ts";
import { treeReporter } from "./tree.ts";

const REPORTERS: Record<ReportKind, (options: ReporterOptions) => Reporter> = {
  tree: treeReporter,
  lines: linesReporter,
  json: jsonReporter,
  github: (options) => githubReporter(options),
};

export function openReporter(kind: ReportKind | undefined, options: ReporterOptions): Reporter {
  return REPORTERS[kind ?? (options.output.isTTY ? "tree" : "lines")](options);
}
