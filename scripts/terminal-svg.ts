/**
 * Draws captured terminal output as an SVG: a window with a title, in the colours of the output.
 *
 *     node scripts/terminal-svg.ts [--title TEXT] [--columns N] [FILE] > picture.svg     (no FILE: stdin)
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Cell, type Look, screenOf } from "./terminal-screen.ts";

const FONT = 14;
const ADVANCE = FONT * 0.6;
const LEADING = 20;
const MARGIN = 20;
const BAR = 36;

const PALETTE: Readonly<Record<string, string>> = {
  black: "#6e7681",
  red: "#ff7b72",
  green: "#7ee787",
  yellow: "#e3b341",
  blue: "#79c0ff",
  magenta: "#d2a8ff",
  cyan: "#76e3ea",
  white: "#f0f6fc",
};

export function svgOf(output: string, { title = "bungee", columns = 100 } = {}): string {
  const lines = screenOf(output, columns);
  const width = Math.ceil(columns * ADVANCE + 2 * MARGIN);
  const height = BAR + lines.length * LEADING + MARGIN;
  const texts = lines.flatMap((line, row) => runsOf(line).map((run) => drawRun(run, BAR + (row + 0.75) * LEADING)));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escapeXml(title)}</title>
<rect width="${width}" height="${height}" rx="10" fill="#0d1117" stroke="#30363d"/>
${["#ff5f57", "#febc2e", "#28c840"].map((fill, index) => `<circle cx="${20 + index * 20}" cy="18" r="6" fill="${fill}"/>`).join("\n")}
<g font-family="ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${FONT}" fill="#c9d1d9" xml:space="preserve">
<text x="${width / 2}" y="23" text-anchor="middle" fill="#8b949e">${escapeXml(title)}</text>
${texts.join("\n")}
</g>
</svg>
`;
}

interface Run {
  readonly column: number;
  readonly cells: readonly Cell[];
  readonly look: Look;
}

/** Neighbours of the same look, without the blanks around them. */
function runsOf(line: readonly Cell[]): Run[] {
  const runs: { column: number; cells: Cell[]; look: Look }[] = [];
  for (const [column, cell] of line.entries()) {
    const last = runs.at(-1);
    if (last && sameLook(last.look, cell.look)) last.cells.push(cell);
    else runs.push({ column, cells: [cell], look: cell.look });
  }
  return runs.filter(({ cells }) => cells.some(({ text }) => text !== " "));
}

function sameLook(one: Look, other: Look): boolean {
  return one.colour === other.colour && one.bold === other.bold && one.dim === other.dim;
}

/** textLength keeps the columns, whatever font the reader has. */
function drawRun({ column, cells, look }: Run, y: number): string {
  const text = cells.map((cell) => cell.text).join("");
  const before = text.length - text.trimStart().length;
  const after = text.length - text.trimEnd().length;
  const length = cells.length - before - after;
  const attributes = [
    `x="${round(MARGIN + (column + before) * ADVANCE)}"`,
    `y="${round(y)}"`,
    `textLength="${round(length * ADVANCE)}"`,
    ...(look.colour ? [`fill="${PALETTE[look.colour]}"`] : []),
    ...(look.bold ? ['font-weight="bold"'] : []),
    ...(look.dim ? ['opacity="0.6"'] : []),
  ];
  return `<text ${attributes.join(" ")}>${escapeXml(text.trim())}</text>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { title: { type: "string" }, columns: { type: "string" } },
    allowPositionals: true,
  });
  const output = readFileSync(positionals[0] ?? 0, "utf8");
  process.stdout.write(
    svgOf(output, {
      ...(values.title ? { title: values.title } : {}),
      ...(values.columns ? { columns: Number(values.columns) } : {}),
    }),
  );
}
