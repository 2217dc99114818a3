/** The fleet as a table, and as versioned JSON. */
import { stringify } from "./json.ts";
import type { Style } from "./style.ts";
import { clean, pad, width } from "./text.ts";

const NODES_VERSION = 1;

/** What is shown of a node; the fleet's nodes have it all. */
export interface NodeRow {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly after: readonly string[];
  readonly enable: boolean;
}

/** `waves`: names in the order of a deployment; nodes of one wave run in parallel. */
export function renderNodes(nodes: readonly NodeRow[], waves: readonly (readonly string[])[], style: Style): string[] {
  if (nodes.length === 0) return ["no hosts"];
  const wave = new Map(waves.flatMap((names, index) => names.map((name) => [name, index + 1] as const)));
  const columns = nodes.some(({ after }) => after.length > 0) ? [...COLUMNS, AFTER] : COLUMNS;
  const table = [
    columns.map(({ title }) => style.dim(title)),
    ...nodes
      .toSorted((one, other) => (wave.get(one.name) ?? nodes.length) - (wave.get(other.name) ?? nodes.length))
      .map((node) => columns.map(({ cell }) => clean(cell(node, wave.get(node.name))))),
  ];
  const widths = columns.map((_, index) => Math.max(...table.map((row) => width(row[index]!))));
  return table.map((row) =>
    row
      .map((cell, index) => (index === row.length - 1 ? cell : pad(cell, widths[index]!)))
      .join("  ")
      .trimEnd(),
  );
}

interface Column {
  readonly title: string;
  cell(node: NodeRow, wave: number | undefined): string;
}

const COLUMNS: readonly Column[] = [
  { title: "NODE", cell: (node) => node.name },
  { title: "ADDRESSES", cell: (node) => node.addresses.join(", ") },
  { title: "LABELS", cell: (node) => showLabels(node.labels) },
  { title: "WAVE", cell: (node, wave) => (node.enable ? `${wave ?? ""}` : "disabled") },
];

const AFTER: Column = { title: "AFTER", cell: (node) => node.after.join(", ") };

export function showLabels(labels: NodeRow["labels"]): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
}

export function nodesToJson(nodes: readonly NodeRow[], waves: readonly (readonly string[])[]): string {
  const rows = nodes.map(({ name, addresses, labels, after, enable }) => ({ name, addresses, labels, after, enable }));
  return stringify({ version: NODES_VERSION, waves, nodes: rows }, 2);
}
