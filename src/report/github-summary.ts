/** The summary of a deployment in Markdown: a row for each host, and what its mend is. */
import type { ErrorReport } from "../errors.ts";
import type { Outcome } from "../run/outcome.ts";
import { messageOf } from "./error.ts";
import { formatDuration, plural } from "./format.ts";
import { describeOutcome, type OutcomeText } from "./outcome.ts";
import { inOrder, meaningOf, type Summary } from "./summary.ts";
import { cleanLines } from "./text.ts";

const SIGNS: Record<OutcomeText["tone"], string> = { good: "✅", dim: "☑️", warn: "⚠️", bad: "❌" };
/** Bytes of a step's summary that a runner takes, with what the step has written before; of a longer one it takes nothing. */
export const LONGEST = 1024 * 1024;
/** Runners show a table of any length; people read the log for more. */
const ROWS = 500;
/** Of what nix or a host said: its end, where they say why. */
const DETAIL_LINES = 40;
const DETAIL_BYTES = 16 * 1024;
/** For the sentences that say what is left out. */
const RESERVE = 200;

/** @param bytes that it may have: rows come before what nix and the hosts said, and what is left out is counted. */
export function renderMarkdown(summary: Summary, bytes: number): string {
  const { action, outcomes, took, ms } = summary;
  // What a person must act on stands first, where it is seen.
  const hosts = inOrder(outcomes).toReversed();
  const meaning = meaningOf(summary);
  const head = [
    `### bungee: ${action} on ${plural(hosts.length, "host")} in ${formatDuration(ms)}`,
    "",
    ...(meaning ? [`**${entities(meaning)}**`, ""] : []),
    ...(hosts.length > 0 ? ["| | host | outcome | time | what | mend |", "|---|---|---|---|---|---|"] : []),
  ];
  const room = new Room(bytes - RESERVE);
  if (!room.takes(head)) return "";
  const rows = room.fill(hosts.slice(0, ROWS), ([node, outcome]) => [row(node, outcome, summary, took.get(node))]);
  const telling = hosts.filter(([node, outcome]) => describeOutcome(node, outcome, action).why?.detail);
  const details = room.fill(telling, ([node, outcome]) => detail(node, outcome, summary));
  const [hostsLeft, detailsLeft] = [hosts.length - rows.length, telling.length - details.length];
  return [
    ...head,
    ...rows.flat(),
    ...(hostsLeft > 0 ? ["", `and ${plural(hostsLeft, "more host")}: see the log`] : []),
    "",
    ...details.flat(),
    ...(detailsLeft > 0 ? [`what ${plural(detailsLeft, "host")} said besides has no room here`, ""] : []),
  ].join("\n");
}

export function renderFailure(error: ErrorReport, bytes: number): string {
  const lines = [
    "### bungee: nothing was started",
    "",
    `**${entities(cleanLines(messageOf(error)).join(" "))}**`,
    "",
    `mend: ${entities(cleanLines(error.mend).join(" "))}`,
    "",
  ];
  return new Room(bytes).takes(lines) ? lines.join("\n") : "";
}

/** What is left of the bytes. */
class Room {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  takes(lines: readonly string[]): boolean {
    const size = sizeOf(lines);
    if (size > this.#left) return false;
    this.#left -= size;
    return true;
  }

  /** The first ones, up to the first for which there is no room; those behind it are not even rendered. */
  fill<T>(items: readonly T[], render: (item: T) => readonly string[]): (readonly string[])[] {
    const taken: (readonly string[])[] = [];
    for (const item of items) {
      const lines = render(item);
      if (!this.takes(lines)) break;
      taken.push(lines);
    }
    return taken;
  }
}

const sizeOf = (lines: readonly string[]): number => lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);

function row(node: string, outcome: Outcome, { action }: Summary, ms: number | undefined): string {
  const { word, tone, what, facts, why } = describeOutcome(node, outcome, action);
  const said = [what, ...facts].map(entities).join("<br>");
  const mend = why ? entities(cleanLines(why.mend).join(" ")) : "";
  const time = ms === undefined || outcome.kind === "skipped" ? "" : formatDuration(ms);
  return `| ${SIGNS[tone]} | ${entities(cleanLines(node).join(" "))} | ${word} | ${time} | ${said} | ${mend} |`;
}

function detail(node: string, outcome: Outcome, { action }: Summary): string[] {
  const { why } = describeOutcome(node, outcome, action);
  const name = entities(cleanLines(node).join(" "));
  const room = new Room(DETAIL_BYTES);
  const last = cleanLines(why?.detail ?? "")
    .slice(-DETAIL_LINES)
    .toReversed();
  const lines = room
    .fill(last, (line) => [entities(line)])
    .flat()
    .toReversed();
  return [`<details><summary>${name}</summary>`, "", "<pre>", ...lines, "</pre>", "", "</details>", ""];
}

/** Each sign that means something to Markdown or HTML in the middle of a line, as an entity: hosts and builds may write what they like. */
const entities = (text: string): string =>
  text.replaceAll(/[&<>"'`*_{}[\]#!|~\\@:$^]/g, (sign) => `&#${sign.charCodeAt(0)};`);
