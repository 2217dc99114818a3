/** Questions to the person at the terminal. They go to stderr: stdout may be a report that a program reads. */
import { createInterface } from "node:readline/promises";
import { showLabels } from "../report/nodes.ts";
import { clean, pad, width } from "../report/text.ts";
import type { Streams } from "./verb.ts";

/** Whether there is a person to ask. */
export function isInteractive({ stdin, stderr }: Streams): boolean {
  return Boolean(stdin.isTTY && stderr.isTTY);
}

/** @returns what was typed, trimmed; null after Ctrl-C or Ctrl-D, and when `signal` says that the question is void */
export async function ask(question: string, { stdin, stderr }: Streams, signal?: AbortSignal): Promise<string | null> {
  const lines = createInterface({ input: stdin, output: stderr });
  try {
    return await new Promise<string | null>((resolve, reject) => {
      lines.once("SIGINT", () => resolve(null));
      signal?.addEventListener("abort", () => resolve(null), { once: true });
      if (signal?.aborted) resolve(null);
      lines.once("close", () => resolve(null));
      lines.question(question).then((answer) => resolve(answer.trim()), reject);
    });
  } finally {
    lines.close();
  }
}

/** Anything but a clear yes is a no. */
export async function approve(question: string, streams: Streams, signal?: AbortSignal): Promise<boolean | null> {
  const answer = await ask(`${question} [y/N] `, streams, signal);
  return answer === null ? null : /^y(es)?$/i.test(answer);
}

interface Choice {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export function listChoices(nodes: readonly Choice[]): string[] {
  const rows = nodes.map((node, index) =>
    [`${index + 1}`, node.name, node.addresses.join(", "), showLabels(node.labels)].map(clean),
  );
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => width(row[column]!))));
  return rows.map(([number = "", name = "", addresses = "", labels = ""]) =>
    `  ${number.padStart(widths[0]!)}  ${pad(name, widths[1]!)}  ${pad(addresses, widths[2]!)}  ${labels}`.trimEnd(),
  );
}

/** Numbers of the list become names; other words are selectors already. "all" is every node, unless one has that name. */
export function readChoice(answer: string, nodes: readonly Choice[]): readonly string[] | "all" {
  const words = answer.split(/[\s,]+/).filter((word) => word !== "");
  if (words.length === 1 && words[0] === "all" && !nodes.some(({ name }) => name === "all")) return "all";
  return words.map((word) => {
    const named = nodes.some(({ name }) => name === word);
    return named || !/^\d+$/.test(word) ? word : (nodes[Number(word) - 1]?.name ?? word);
  });
}
