/** The summary of a deployment in Markdown: a row for each host, and what its mend is. */
import type { ErrorReport } from "../errors.ts";
import type { Outcome } from "../run/outcome.ts";
import { messageOf } from "./error.ts";
import { formatDuration, plural } from "./format.ts";
import { describeOutcome, type OutcomeText } from "./outcome.ts";
import { inOrder, meaningOf, type Summary } from "./summary.ts";
import { cleanLines } from "./text.ts";

const SIGNS: Record<OutcomeText["tone"], string> = { good: "✅", dim: "☑️", warn: "⚠️", bad: "❌" };
/** Of a detail, that much: a summary has an upper limit of 1 MiB. */
const DETAIL_LINES = 40;
/** Runners show a table of any length, and refuse a summary that is too long. */
const ROWS = 500;

export function renderMarkdown(summary: Summary): string {
  const { action, outcomes, took, ms } = summary;
  // What a person must act on stands first, where it is seen.
  const rows = inOrder(outcomes).toReversed();
  const table = rows.slice(0, ROWS).map(([node, outcome]) => row(node, outcome, summary, took.get(node)));
  const meaning = meaningOf(summary);
  return [
    `### bungee: ${action} on ${plural(rows.length, "host")} in ${formatDuration(ms)}`,
    "",
    ...(meaning ? [`**${entities(meaning)}**`, ""] : []),
    ...(rows.length > 0 ? ["| | host | outcome | time | what | mend |", "|---|---|---|---|---|---|", ...table] : []),
    ...(rows.length > ROWS ? ["", `and ${rows.length - ROWS} more`] : []),
    "",
    ...rows.slice(0, ROWS).flatMap(([node, outcome]) => detail(node, outcome, summary)),
  ].join("\n");
}

export function renderFailure(error: ErrorReport): string {
  return [
    "### bungee: nothing was started",
    "",
    `**${entities(cleanLines(messageOf(error)).join(" "))}**`,
    "",
    `mend: ${entities(cleanLines(error.mend).join(" "))}`,
    "",
  ].join("\n");
}

function row(node: string, outcome: Outcome, { action }: Summary, ms: number | undefined): string {
  const { word, tone, what, facts, why } = describeOutcome(node, outcome, action);
  const said = [what, ...facts].map(entities).join("<br>");
  const mend = why ? entities(cleanLines(why.mend).join(" ")) : "";
  const time = ms === undefined || outcome.kind === "skipped" ? "" : formatDuration(ms);
  return `| ${SIGNS[tone]} | ${entities(cleanLines(node).join(" "))} | ${word} | ${time} | ${said} | ${mend} |`;
}

function detail(node: string, outcome: Outcome, { action }: Summary): string[] {
  const { why } = describeOutcome(node, outcome, action);
  if (!why?.detail) return [];
  const name = entities(cleanLines(node).join(" "));
  const lines = cleanLines(why.detail).slice(-DETAIL_LINES).map(entities);
  return [`<details><summary>${name}</summary>`, "", "<pre>", ...lines, "</pre>", "", "</details>", ""];
}

/** Each sign that means something to Markdown or HTML in the middle of a line, as an entity: hosts and builds may write what they like. */
const entities = (text: string): string =>
  text.replaceAll(/[&<>"'`*_{}[\]#!|~\\@:$^]/g, (sign) => `&#${sign.charCodeAt(0)};`);
