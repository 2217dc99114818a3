/** Plain lines for logs: when, which node, what. Nothing is redrawn, and no line can be taken for another node's. */
import type { Event } from "../run/events.ts";
import type { Action, Outcome } from "../run/outcome.ts";
import { messageOf, renderDetail } from "./error.ts";
import { formatBytes, formatDuration, formatProgress, plural } from "./format.ts";
import { describeOutcome } from "./outcome.ts";
import { renderNodePlan, renderPlanEnd } from "./plan.ts";
import type { Reporter, ReporterOptions } from "./reporter.ts";
import { DOING, STAGE } from "./stages.ts";
import { renderSummary } from "./summary.ts";
import { clean, cleanLines, pad, width } from "./text.ts";

/** Who speaks where no node does. */
const SELF = "bungee";
/** Progress is worth a line this often. Milliseconds. */
const PROGRESS_EVERY = 5000;

export function linesReporter({ output, style, verbose }: ReporterOptions): Reporter {
  let started: number | null = null;
  let names = width(SELF);
  let action: Action = "switch";
  const took = new Map<string, number>();
  const progress = new Map<string, { at: number; done: number }>();

  const say = (event: Event, node: string | null, ...lines: string[]) => {
    const elapsed = (Math.max(0, Date.parse(event.at) - started!) / 1000).toFixed(1).padStart(7);
    for (const line of lines) {
      output.write(
        `${`${style.dim(`${elapsed}s`)}  ${style.strong(pad(clean(node ?? SELF), names))}  ${line}`.trimEnd()}\n`,
      );
    }
  };

  const onProgress = (event: Extract<Event, { type: "stage-progress" }>) => {
    const key = `${event.stage} ${event.node}`;
    const at = Date.parse(event.at);
    const last = progress.get(key);
    if (!last) progress.set(key, { at, done: event.done });
    if (!last || at - last.at < PROGRESS_EVERY) return;
    const speed = ((event.done - last.done) / (at - last.at)) * 1000;
    progress.set(key, { at, done: event.done });
    say(
      event,
      event.node,
      `${DOING[event.stage]}: ${formatProgress(event.done, event.total)}, ${formatBytes(speed)}/s`,
    );
  };

  const onOutcome = (event: Event, node: string, outcome: Outcome, ms: number) => {
    const { word, tone, what } = describeOutcome(node, outcome, action);
    took.set(node, ms);
    say(
      event,
      node,
      `${style[tone](word)}${outcome.kind === "skipped" ? "" : ` after ${formatDuration(ms)}`}: ${what}`,
    );
  };

  const onEvent = (event: Event) => {
    switch (event.type) {
      case "deployment-started":
        action = event.action;
        names = Math.max(names, ...event.nodes.map((node) => Math.min(32, width(clean(node)))));
        return say(
          event,
          null,
          `${action} on ${plural(event.nodes.length, "host")}: ${event.nodes.map(clean).join(", ")}`,
        );
      case "stage-started":
        return say(event, event.node, DOING[event.stage]);
      case "stage-progress":
        return onProgress(event);
      case "stage-finished":
        return say(
          event,
          event.node,
          `${STAGE[event.stage]} took ${formatDuration(event.ms)}${event.note ? `: ${clean(event.note)}` : ""}`,
        );
      case "stage-failed":
        return say(
          event,
          event.node,
          `${style.bad(`${STAGE[event.stage]} failed`)} after ${formatDuration(event.ms)}: ${cleanLines(messageOf(event.error)).join(" ")}`,
          ...renderDetail(event.error, style),
        );
      case "log":
        if (!event.verbose || verbose)
          say(event, event.node, `${SOURCE[event.source]}${style.dim("│")} ${clean(event.line)}`);
        return;
      case "planned":
        for (const [node, plan] of Object.entries(event.plan.nodes)) {
          if (plan.kind === "unchanged") continue;
          const [first = "", ...rest] = renderNodePlan(plan, event.plan.action, { style, verbose });
          // Why it failed was said when it did.
          say(event, node, `plan: ${first}`, ...(plan.kind === "failed" ? [] : rest));
        }
        return say(event, null, ...renderPlanEnd(event.plan, { style }));
      case "snapped-back":
        return say(event, event.node, `${style.bad("snapped back")}: ${cleanLines(messageOf(event.why)).join(" ")}`);
      case "node-finished":
        return onOutcome(event, event.node, event.outcome, event.ms);
      case "notice":
        return say(
          event,
          null,
          ...cleanLines(event.message).map((line) => (event.level === "warning" ? style.warn(line) : line)),
        );
      case "deployment-finished": {
        const summary = {
          action,
          outcomes: new Map(Object.entries(event.outcomes)),
          took,
          exitCode: event.exitCode,
          ms: event.ms,
        };
        const lines = renderSummary(summary, { style, columns: Number.POSITIVE_INFINITY, details: false });
        if (lines.length > 0) output.write(`\n${lines.join("\n")}\n`);
        return;
      }
    }
  };

  return {
    event(event) {
      started ??= Date.parse(event.at);
      onEvent(event);
    },
    withTerminal: (talk) => talk(),
    async close() {},
  };
}

const SOURCE = { nix: "nix ", activation: "", bungee: "bungee " } as const;
