/** The end of every human report: node → outcome → what happened → what to do next, and what the exit code means. */
import type { Action, Outcome } from "../run/outcome.ts";
import { renderDetail, renderMend } from "./error.ts";
import { formatDuration, plural } from "./format.ts";
import { describeOutcome, type OutcomeText } from "./outcome.ts";
import type { Style } from "./style.ts";
import { clean, fit, pad, width, wrap } from "./text.ts";

export interface Summary {
  readonly action: Action;
  /** In the order of the deployment. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** Milliseconds of each node that ended. */
  readonly took: ReadonlyMap<string, number>;
  readonly exitCode: number;
  readonly ms: number;
}

export interface SummaryOptions {
  readonly style: Style;
  /** Where sentences are broken. */
  readonly columns: number;
  /** Repeat what nix and the host said: for reports that have not printed it before. */
  readonly details: boolean;
}

/** What a person must act on stands last, next to the prompt. */
const ORDER: readonly Outcome["kind"][] = [
  "unchanged",
  "confirmed",
  "staged",
  "previewed",
  "skipped",
  "failed",
  "rolled-back",
  "unknown",
];

export function renderSummary(summary: Summary, options: SummaryOptions): string[] {
  const rows = inOrder(summary.outcomes).map(([node, outcome]) => ({
    node,
    text: describeOutcome(node, outcome, summary.action),
  }));
  return [
    ...renderRows(rows, summary, options),
    ...(rows.length > 0 ? [""] : []),
    ...renderFooter(rows, summary, options),
  ];
}

export function inOrder(outcomes: Summary["outcomes"]): [node: string, outcome: Outcome][] {
  return [...outcomes].toSorted(([, one], [, other]) => ORDER.indexOf(one.kind) - ORDER.indexOf(other.kind));
}

interface Row {
  readonly node: string;
  readonly text: OutcomeText;
}

function renderRows(rows: readonly Row[], summary: Summary, options: SummaryOptions): string[] {
  const { style, columns } = options;
  const times = new Map(
    rows.map(({ node, text }) => [node, text.tone === "warn" ? "" : formatTime(summary.took.get(node))]),
  );
  const names = Math.min(32, Math.max(0, ...rows.map(({ node }) => width(clean(node)))));
  const words = Math.max(0, ...rows.map(({ text }) => text.word.length));
  const clocks = Math.max(0, ...[...times.values()].map((time) => time.length));
  const left = names + words + clocks + 6;
  const explained = new Map<string, string>();
  return rows.flatMap(({ node, text }) => {
    const [first = "", ...rest] = wrap(text.what, Math.max(30, columns - left));
    const head = [
      pad(style.strong(fit(clean(node), names)), names),
      pad(style[text.tone](text.word), words),
      style.dim(times.get(node)!.padStart(clocks)),
      first,
    ];
    return [
      head.join("  ").trimEnd(),
      ...rest.map((line) => `${" ".repeat(left)}${line}`),
      ...renderMore(node, text, explained, options),
    ];
  });
}

const INDENT = "    ";

function renderMore(
  node: string,
  { why, facts }: OutcomeText,
  explained: Map<string, string>,
  options: SummaryOptions,
): string[] {
  const { style, columns, details } = options;
  const lines = facts.flatMap((fact) => wrap(fact, columns - INDENT.length).map((line) => INDENT + line));
  if (!why) return lines;
  // One broken build fails many nodes: its log is shown once.
  const twin = why.detail ? explained.get(why.detail) : undefined;
  if (why.detail && !twin) explained.set(why.detail, node);
  const detail = twin ? [`${INDENT}${style.dim("│")} (as for ${clean(twin)})`] : renderDetail(why, style, INDENT);
  return [...(details ? detail : []), ...lines, ...renderMend(why.mend, style, INDENT, columns)];
}

function renderFooter(rows: readonly Row[], summary: Summary, { style, columns }: SummaryOptions): string[] {
  const counts = Map.groupBy(rows, ({ text }) => text.word);
  const parts = [...counts].map(([word, { length, 0: row }]) => style[row!.text.tone](`${length} ${word}`));
  // A dry run ends with its plan.
  if (rows.length === 0 && summary.exitCode === 0) return [];
  const total = `${plural(rows.length, "host")} in ${formatDuration(summary.ms)}`;
  const meaning = meaningOf(summary);
  return [
    ...(parts.length > 0 ? [`${style.strong(total)}: ${parts.join(", ")}`] : []),
    ...(meaning ? wrap(meaning, columns).map((line) => style.bad(line)) : []),
  ];
}

/** What the exit code says; null where all is as wanted. */
export function meaningOf({ exitCode, outcomes }: Summary): string | null {
  switch (exitCode) {
    case 0:
      return null;
    case 1:
      return outcomes.size === 0
        ? "exit 1: not every host could be looked at; nothing was changed"
        : "exit 1: not every host is as wanted; each is in a known good state";
    case 3: {
      const unsure = [...outcomes].filter(([, outcome]) => isUnsure(outcome)).map(([node]) => clean(node));
      return `exit 3: a person must look at ${unsure.join(", ")}`;
    }
    case 130:
      return "exit 130: interrupted; each host is in a known good state";
    default:
      return `exit ${exitCode}`;
  }
}

const isUnsure = (outcome: Outcome): boolean =>
  outcome.kind === "unknown" || (outcome.kind === "rolled-back" && !outcome.verified);

function formatTime(ms: number | undefined): string {
  return ms === undefined ? "" : formatDuration(ms);
}
