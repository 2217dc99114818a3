/** The live report for a terminal: a row per node that is redrawn in place, and at the end what is worth keeping. */
import type { Event } from "../run/events.ts";
import { LiveRows } from "./live.ts";
import { renderPlan } from "./plan.ts";
import { follow, type NodeProgress, newProgress, type Progress } from "./progress.ts";
import type { Reporter, ReporterOptions } from "./reporter.ts";
import { drawRows } from "./rows.ts";
import type { Style } from "./style.ts";
import { renderSummary } from "./summary.ts";
import { clean, cleanLines, wrap } from "./text.ts";

export function treeReporter({ output, style, verbose }: ReporterOptions): Reporter {
  const progress = newProgress(Date.now());
  const canvas = () => ({ style, columns: output.columns ?? 80, rows: output.rows ?? 24, now: Date.now() });
  const live = new LiveRows(output, () => drawRows(progress, canvas()));
  const printer = new Printer(live, output);
  live.start();

  return {
    event(event: Event) {
      follow(progress, event);
      switch (event.type) {
        case "planned":
          return printer.print([...renderPlan(event.plan, { style, verbose }), ""]);
        case "log":
          // What nix itself wants people to see (warnings, traces) must not be lost under the drawing.
          if (verbose || (event.source === "nix" && !event.verbose)) printer.print([renderLine(event, style)]);
          return;
        case "deployment-finished":
          live.finish();
          return printer.print([
            ...(verbose ? [] : renderLogs(progress, style)),
            ...renderNotices(progress, style, canvas().columns),
            ...renderSummary(
              {
                action: progress.action,
                outcomes: new Map(Object.entries(event.outcomes)),
                took: new Map(
                  [...progress.nodes.values()].flatMap(({ name, ms }) => (ms === null ? [] : [[name, ms] as const])),
                ),
                exitCode: event.exitCode,
                ms: event.ms,
              },
              { style, columns: canvas().columns, details: true },
            ),
          ]);
      }
    },
    withTerminal: (talk) => printer.between(() => live.without(talk)),
    async close() {
      live.finish();
      await printer.flush();
      await live.without(async () => {});
    },
  };
}

/** Prints for good, above the drawing. Lines that come close together are printed at once: each time the drawing is taken away. */
class Printer {
  readonly #live: LiveRows;
  readonly #output: NodeJS.WriteStream;
  #lines: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #printing: Promise<void> = Promise.resolve();

  constructor(live: LiveRows, output: NodeJS.WriteStream) {
    this.#live = live;
    this.#output = output;
  }

  print(lines: readonly string[]): void {
    this.#lines.push(...lines);
    this.#timer ??= setTimeout(() => void this.flush(), TOGETHER_MS);
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#printing = this.#printing.then(async () => {
      if (this.#lines.length === 0) return;
      await this.#live.without(async () => {
        this.#output.write(`${this.#lines.splice(0).join("\n")}\n`);
      });
    });
    return this.#printing;
  }

  /** Does something between two prints: what is said meanwhile is printed after it. */
  async between<T>(work: () => Promise<T>): Promise<T> {
    const done = this.flush().then(work);
    this.#printing = done.then(
      () => {},
      () => {},
    );
    return done;
  }
}

const TOGETHER_MS = 150;

function renderLine({ node, source, line }: Extract<Event, { type: "log" }>, style: Style): string {
  const speaker = [node === null ? [] : [style.strong(clean(node))], source === "activation" ? [] : [source]]
    .flat()
    .join(" ");
  return `${speaker} ${style.dim("│")} ${clean(line)}`.trimEnd();
}

/** The logs of nodes that a person must look into, and of dry activations, whose log is the result. */
function renderLogs({ nodes }: Progress, style: Style): string[] {
  return [...nodes.values()].flatMap((node) => (wantsLog(node) ? renderLog(node, style) : []));
}

function wantsLog({ outcome, log }: NodeProgress): boolean {
  return outcome !== null && !QUIET.has(outcome.kind) && log.lines.length > 0;
}

const QUIET = new Set(["unchanged", "confirmed", "staged", "skipped"]);

function renderLog({ name, log }: NodeProgress, style: Style): string[] {
  const before =
    log.dropped > 0
      ? ` (the last ${log.lines.length} of ${log.lines.length + log.dropped} lines; --verbose shows all)`
      : "";
  return [
    `${style.strong(clean(name))} said${before}:`,
    ...log.lines.map((line) => `  ${style.dim("│")} ${clean(line)}`.trimEnd()),
    "",
  ];
}

function renderNotices({ notices }: Progress, style: Style, columns: number): string[] {
  const lines = notices.flatMap(({ message, level }) =>
    cleanLines(message)
      .flatMap((line) => wrap(line, columns))
      .map((line) => (level === "warning" ? style.warn(line) : line)),
  );
  return lines.length > 0 ? [...lines, ""] : [];
}
