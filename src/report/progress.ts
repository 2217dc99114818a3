/** Where every node of a deployment stands, as told by the events: what the tree draws. Pure, no clock of its own. */
import type { ErrorReport } from "../errors.ts";
import type { Event, Stage } from "../run/events.ts";
import type { Action, Outcome } from "../run/outcome.ts";

export interface NodeProgress {
  readonly name: string;
  /** Stages under way, each with its beginning in milliseconds since the epoch; the last one began last. */
  readonly stages: Map<Stage, number>;
  copied: Copied | null;
  /** What the node said last. */
  lastLine: string | null;
  /** The end of its activation's log. */
  readonly log: LogTail;
  wentBack: ErrorReport | null;
  outcome: Outcome | null;
  ms: number | null;
}

/** Bytes. Speed is taken over the last moments: over the whole copy it would hide a stall. */
export interface Copied {
  readonly done: number;
  readonly total: number | null;
  /** null while there is too little to tell. */
  readonly perSecond: number | null;
  readonly recent: readonly { readonly at: number; readonly done: number }[];
}

export interface Progress {
  /** Milliseconds since the epoch. */
  readonly began: number;
  action: Action;
  readonly nodes: Map<string, NodeProgress>;
  /** What is said of no node: a shared build, a shared evaluation. */
  lastShared: string | null;
  readonly notices: Extract<Event, { type: "notice" }>[];
}

export function newProgress(began: number): Progress {
  return { began, action: "switch", nodes: new Map(), lastShared: null, notices: [] };
}

export function follow(progress: Progress, event: Event): void {
  const node = "node" in event && event.node !== null ? nodeOf(progress, event.node) : null;
  switch (event.type) {
    case "deployment-started":
      progress.action = event.action;
      for (const name of event.nodes) nodeOf(progress, name);
      return;
    case "stage-started":
      node!.stages.delete(event.stage);
      node!.stages.set(event.stage, Date.parse(event.at));
      node!.lastLine = null;
      if (event.stage === "copy") node!.copied = null;
      return;
    case "stage-progress":
      if (event.stage === "copy") node!.copied = addBytes(node!.copied, event);
      return;
    case "stage-finished":
    case "stage-failed":
      node!.stages.delete(event.stage);
      node!.lastLine = null;
      return;
    case "log":
      if (!node) progress.lastShared = event.line;
      else node.lastLine = event.line;
      if (event.source !== "nix") node?.log.push(event.line);
      return;
    case "snapped-back":
      node!.wentBack = event.why;
      return;
    case "node-finished":
      node!.outcome = event.outcome;
      node!.ms = event.ms;
      node!.stages.clear();
      return;
    case "notice":
      progress.notices.push(event);
      return;
  }
}

function nodeOf(progress: Progress, name: string): NodeProgress {
  const known = progress.nodes.get(name);
  if (known) return known;
  const node: NodeProgress = {
    name,
    stages: new Map(),
    copied: null,
    lastLine: null,
    log: new LogTail(LOG_LINES),
    wentBack: null,
    outcome: null,
    ms: null,
  };
  progress.nodes.set(name, node);
  return node;
}

const SPEED_OVER_MS = 4000;
const SPEED_KNOWN_AFTER_MS = 500;

function addBytes(before: Copied | null, event: Extract<Event, { type: "stage-progress" }>): Copied {
  const { done, total } = event;
  const at = Date.parse(event.at);
  const recent = [...(before?.recent ?? []).filter((sample) => at - sample.at <= SPEED_OVER_MS), { at, done }];
  const first = recent[0]!;
  const known = at - first.at >= SPEED_KNOWN_AFTER_MS;
  return {
    done,
    total,
    recent,
    perSecond: known ? ((done - first.done) / (at - first.at)) * 1000 : (before?.perSecond ?? null),
  };
}

/** Lines of a log that are kept for a node that fails. */
const LOG_LINES = 30;

/** The last lines of a log of any length, and how many went before them. */
export class LogTail {
  readonly #keep: number;
  #lines: string[] = [];
  #dropped = 0;

  constructor(keep: number) {
    this.#keep = keep;
  }

  push(line: string): void {
    this.#lines.push(line);
    // Trimmed now and then: shifting at each line would make long logs slow.
    if (this.#lines.length >= this.#keep * 2) this.#trim();
  }

  get lines(): readonly string[] {
    this.#trim();
    return this.#lines;
  }

  get dropped(): number {
    this.#trim();
    return this.#dropped;
  }

  #trim(): void {
    const extra = this.#lines.length - this.#keep;
    if (extra <= 0) return;
    this.#lines = this.#lines.slice(extra);
    this.#dropped += extra;
  }
}
