/** An error as a person reads it: what happened, what the tool behind it said, how to mend it. */
import type { ErrorReport } from "../errors.ts";
import type { Style } from "./style.ts";
import { cleanLines, wrap } from "./text.ts";

/** What others wrote may stand in a message, a name of thousands of lines for one. */
const MESSAGE_LINES = 30;
/** Detail is shown from its end: that is where nix and its builders say why. */
const DETAIL_LINES = 40;

export function renderError(error: ErrorReport, style: Style): string[] {
  const [first = "", ...rest] = cleanLines(messageOf(error));
  const left = rest.length - MESSAGE_LINES;
  return [
    `${style.bad("error:")} ${first}`,
    ...rest.slice(0, MESSAGE_LINES).map((line) => `  ${line}`),
    ...(left > 0 ? [`  … ${left} lines more`] : []),
    ...renderDetail(error, style),
    ...renderMend(error.mend, style),
  ];
}

/** The message, naming its node once. */
export function messageOf(error: ErrorReport): string {
  return error.node && !error.message.includes(error.node) ? `${error.node}: ${error.message}` : error.message;
}

/** The gutter keeps what others wrote apart from our own words, and off the beginning of a line. */
export function renderDetail(error: ErrorReport, style: Style, indent = "  "): string[] {
  if (!error.detail) return [];
  const lines = cleanLines(error.detail);
  const shown = lines.slice(-DETAIL_LINES);
  const left = lines.length - shown.length;
  return [...(left > 0 ? [`… ${left} lines before these`] : []), ...shown].map((line) =>
    `${indent}${style.dim("│")} ${line}`.trimEnd(),
  );
}

export function renderMend(mend: string, style: Style, indent = "  ", columns = Number.POSITIVE_INFINITY): string[] {
  const label = "mend: ";
  return cleanLines(mend)
    .flatMap((line) => wrap(line, columns - indent.length - label.length))
    .map((line, index) => `${indent}${index === 0 ? style.strong("mend:") : "     "} ${line}`);
}
