/**
 * For the runners of GitHub, Forgejo and Gitea: plain lines as it goes, each host's log folded into a group when the host is done,
 * annotations for what went wrong, and at the end a summary in Markdown and outputs for later steps.
 */
import { appendFileSync, statSync } from "node:fs";
import type { Event } from "../run/events.ts";
import type { Action, Outcome } from "../run/outcome.ts";
import { messageOf } from "./error.ts";
import { Annotations, command } from "./github-annotations.ts";
import { outputsOf, outputsOfFailure } from "./github-outputs.ts";
import { LONGEST, renderFailure, renderMarkdown } from "./github-summary.ts";
import { linesReporter } from "./lines.ts";
import { describeOutcome } from "./outcome.ts";
import { LogTail } from "./progress.ts";
import type { Reporter, ReporterOptions } from "./reporter.ts";
import { clean, cleanLines } from "./text.ts";

/** The files that a runner reads when the step is over. */
type Env = Readonly<Partial<Record<"GITHUB_STEP_SUMMARY" | "GITHUB_OUTPUT", string>>>;

/** Of a host's log; the runner keeps what is printed, and a host may print megabytes. */
const LOG_LINES = 5000;

export function githubReporter(options: ReporterOptions, env: Env = process.env): Reporter {
  const { output, verbose } = options;
  const lines = linesReporter(options);
  const logs = new Map<string, LogTail>();
  const took = new Map<string, number>();
  let action: Action = "switch";

  const say = (line: string) => output.write(`${line}\n`);
  const annotations = new Annotations(say);

  const keep = (event: Extract<Event, { type: "log" }>, node: string) => {
    if (event.verbose && !verbose) return;
    const log = logs.get(node) ?? new LogTail(LOG_LINES);
    logs.set(node, log);
    log.push(event.source === "activation" ? event.line : `${event.source}: ${event.line}`);
  };

  const printLog = (node: string, word: string) => {
    const log = logs.get(node);
    logs.delete(node);
    if (log === undefined || log.lines.length === 0) return;
    const { dropped } = log;
    say(command("group", `${clean(node)}: ${word}, its log`));
    if (dropped > 0) say(`│ … ${dropped} lines before these`);
    // Behind the bar, and cleaned: no line of a host's is the beginning of a command.
    for (const line of log.lines) say(`│ ${clean(line)}`.trimEnd());
    say(command("endgroup", ""));
  };

  const annotate = (node: string, outcome: Outcome) => {
    const { word, tone, what, why } = describeOutcome(node, outcome, action);
    if (tone !== "bad" && tone !== "warn") return;
    const mend = why ? [`mend: ${cleanLines(why.mend).join(" ")}`] : [];
    annotations.add(tone === "bad" ? "error" : "warning", [what, ...mend], `${clean(node)} ${word}`);
  };

  /** A file that cannot be written is no reason to leave a deployment without its report. */
  const append = (file: string | undefined, text: (had: number) => string) => {
    if (!file) return;
    try {
      appendFileSync(file, text(statSync(file, { throwIfNoEntry: false })?.size ?? 0));
    } catch (error) {
      const why = clean((error as Error).message);
      annotations.add("warning", [`what the runner should have read could not be written: ${why}`]);
    }
  };

  return {
    event(event) {
      if (event.type === "log" && event.node !== null) return keep(event, event.node);
      lines.event(event);
      switch (event.type) {
        case "deployment-started":
          action = event.action;
          return;
        case "node-finished":
          took.set(event.node, event.ms);
          printLog(event.node, describeOutcome(event.node, event.outcome, action).word);
          return annotate(event.node, event.outcome);
        case "notice":
          if (event.level === "warning") annotations.add("warning", cleanLines(event.message));
          return;
        case "deployment-finished": {
          const { exitCode, ms } = event;
          const outcomes = new Map(Object.entries(event.outcomes));
          const summary = { action, outcomes, took, exitCode, ms };
          append(env.GITHUB_STEP_SUMMARY, (had) => renderMarkdown(summary, LONGEST - had));
          append(env.GITHUB_OUTPUT, () => outputsOf(outcomes, exitCode));
          return annotations.end();
        }
        case "command-failed": {
          const mend = `mend: ${cleanLines(event.error.mend).join(" ")}`;
          annotations.add("error", [...cleanLines(messageOf(event.error)), mend], "bungee");
          append(env.GITHUB_STEP_SUMMARY, (had) => renderFailure(event.error, LONGEST - had));
          append(env.GITHUB_OUTPUT, () => outputsOfFailure(event.exitCode));
          return annotations.end();
        }
      }
    },
    withTerminal: (talk) => talk(),
    async close() {
      // Of hosts that were left in the middle.
      for (const node of [...logs.keys()]) printLog(node, "left");
      annotations.end();
      await lines.close();
    },
  };
}
