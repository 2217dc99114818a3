/** The rows of the tree: one for each node, as many as the terminal holds. Pure. */
import { formatBytes, formatDuration, formatProgress, plural } from "./format.ts";
import { describeOutcome } from "./outcome.ts";
import type { NodeProgress, Progress } from "./progress.ts";
import { DOING } from "./stages.ts";
import type { Style } from "./style.ts";
import { clean, cleanLines, fit, pad, width, wrap } from "./text.ts";

export interface Row {
  readonly mark: "waiting" | "working" | "going-back" | "good" | "skipped" | "went-back" | "bad" | "note";
  readonly text: string;
}

export interface Canvas {
  readonly style: Style;
  readonly columns: number;
  readonly rows: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Notices of the past are in the final report; the last ones stay in sight. */
const NOTICES = 2;

export function drawRows(progress: Progress, canvas: Canvas): Row[] {
  const notes = progress.notices.slice(-NOTICES).flatMap(({ message, level }): Row[] => {
    const lines = cleanLines(message).flatMap((line) => wrap(line, canvas.columns - 4));
    return lines.map((line) => ({ mark: "note", text: level === "warning" ? canvas.style.warn(line) : line }));
  });
  if (progress.nodes.size === 0) return [drawReading(progress, canvas), ...notes];
  const shared = drawShared(progress, canvas);
  // One row stays free for the cursor, one for the count of what is folded away.
  const room = Math.max(3, canvas.rows - notes.length - shared.length - 2);
  const nodes = [...progress.nodes.values()];
  const shown = nodes.length <= room ? nodes : mostTelling(nodes, room);
  const names = Math.min(24, Math.max(0, ...shown.map((node) => width(clean(node.name)))));
  return [
    ...shown.map((node) => drawNode(node, progress, names, canvas)),
    ...drawFolded(
      nodes.filter((node) => !shown.includes(node)),
      progress,
      canvas,
    ),
    ...shared,
    ...notes,
  ];
}

function drawNode(node: NodeProgress, progress: Progress, names: number, { style, now }: Canvas): Row {
  const name = pad(fit(clean(node.name), names), names);
  if (node.outcome) {
    const { word, tone, what } = describeOutcome(node.name, node.outcome, progress.action);
    const time = style.dim(pad(formatDuration(node.ms ?? 0), CLOCK));
    return {
      mark: MARK[node.outcome.kind],
      text: `${name}  ${pad(style[tone](word), WORD)}  ${time}  ${style.dim(what)}`,
    };
  }
  const [stage, since] = [...node.stages].at(-1) ?? [null, 0];
  if (stage === null)
    return { mark: "waiting", text: style.dim(`${name}  ${node.wentBack ? "looking at what runs" : "waiting"}`) };
  const goesBack = stage === "roll-back" || node.wentBack !== null;
  const word = goesBack ? "snapping back" : DOING[stage];
  const more = stage === "copy" ? drawCopy(node) : clean(node.lastLine ?? "");
  const clock = pad(formatDuration(now - since), CLOCK);
  return {
    mark: goesBack ? "going-back" : "working",
    text: `${name}  ${pad(goesBack ? style.warn(word) : word, WORD)}  ${style.dim(clock)}  ${style.dim(more)}`.trimEnd(),
  };
}

const WORD = "snapping back".length;
const CLOCK = "9 min 59 s".length;

const MARK = {
  unchanged: "good",
  confirmed: "good",
  staged: "good",
  previewed: "good",
  skipped: "skipped",
  "rolled-back": "went-back",
  failed: "bad",
  unknown: "bad",
} as const;

function drawCopy({ copied }: NodeProgress): string {
  if (!copied) return "";
  const speed = copied.perSecond === null ? "" : `  ${formatBytes(copied.perSecond)}/s`;
  return `${formatProgress(copied.done, copied.total)}${speed}`;
}

/** Before there are nodes: a large flake takes its time. */
function drawReading({ began, lastShared }: Progress, { style, now }: Canvas): Row {
  const clock = style.dim(pad(formatDuration(now - began), CLOCK));
  return { mark: "working", text: `reading the fleet  ${clock}  ${style.dim(clean(lastShared ?? ""))}`.trimEnd() };
}

/** What nix says of work that several nodes share. */
function drawShared(progress: Progress, { style }: Canvas): Row[] {
  const nixWorks = [...progress.nodes.values()].some(({ stages }) => stages.has("evaluate") || stages.has("build"));
  if (!nixWorks || progress.lastShared === null) return [];
  return [{ mark: "working", text: style.dim(`nix  ${clean(progress.lastShared)}`) }];
}

/** Those at work and those in trouble, then those done, then those to come; shown in the fleet's order. */
function mostTelling(nodes: readonly NodeProgress[], room: number): NodeProgress[] {
  const rank = (node: NodeProgress) => {
    if (!node.outcome) return node.stages.size > 0 || node.wentBack ? 0 : 3;
    return MARK[node.outcome.kind] === "good" ? 2 : 1;
  };
  const kept = new Set(nodes.toSorted((one, other) => rank(one) - rank(other)).slice(0, room));
  return nodes.filter((node) => kept.has(node));
}

function drawFolded(folded: readonly NodeProgress[], progress: Progress, { style }: Canvas): Row[] {
  if (folded.length === 0) return [];
  const words = folded.map((node) => {
    if (node.outcome) return describeOutcome(node.name, node.outcome, progress.action).word;
    return node.stages.size > 0 ? "at work" : "waiting";
  });
  const counts = [...Map.groupBy(words, (word) => word)].map(([word, { length }]) => `${length} ${word}`);
  return [{ mark: "waiting", text: style.dim(`${plural(folded.length, "more host")}: ${counts.join(", ")}`) }];
}
