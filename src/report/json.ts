/** One JSON event per line, versioned: docs/json-report.md says what programs may rely on. */
import type { Event } from "../run/events.ts";
import type { Reporter, ReporterOptions } from "./reporter.ts";

const JSON_REPORT_VERSION = 1;

export function jsonReporter({ output }: Pick<ReporterOptions, "output">): Reporter {
  return {
    event(event: Event) {
      output.write(`${stringify({ version: JSON_REPORT_VERSION, ...event })}\n`);
    },
    withTerminal: (talk) => talk(),
    async close() {},
  };
}

// JSON leaves these as they are, but a terminal or a CI runner that shows the line may obey them.
const OBEYED = /[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\udb40[\udc00-\udc7f]/g;

/** The same data as JSON.stringify gives, with nothing in it that a terminal or a CI runner could take for an order. */
export function stringify(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent)
    .replace(OBEYED, (text) => Array.from({ length: text.length }, (_, index) => escapeUnit(text, index)).join(""))
    .replaceAll("##", "#\\u0023");
}

function escapeUnit(text: string, index: number): string {
  return `\\u${text.charCodeAt(index).toString(16).padStart(4, "0")}`;
}
