/** A small terminal: what its screen and its history show after some output was written to it. */

export interface Look {
  readonly colour: string | null;
  readonly bold: boolean;
  readonly dim: boolean;
}

export interface Cell {
  readonly text: string;
  readonly look: Look;
}

const PLAIN: Look = { colour: null, bold: false, dim: false };
const BLANK: Cell = { text: " ", look: PLAIN };
const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;

// CSI, OSC, other escapes, one control, or text.
const TOKEN =
  /\x1b\[([0-9;?]*)([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-Z\\^-~]|[\x00-\x1f\x7f]|[^\x00-\x1f\x7f]+/g;

const segmenter = new Intl.Segmenter();

/** Lines, oldest first, without the blank ones at the end. Knows what log output and listr2's redrawing need, and no more. */
export function screenOf(output: string, columns = 100): Cell[][] {
  const lines: Cell[][] = [[]];
  let [row, column, look] = [0, 0, PLAIN];

  const put = (text: string) => {
    if (column >= columns) [row, column] = [row + 1, 0];
    while (lines.length <= row) lines.push([]);
    const line = lines[row]!;
    while (line.length < column) line.push(BLANK);
    line[column] = { text, look };
    column += 1;
  };

  const control = (character: string) => {
    // A terminal's driver turns a program's newline into both.
    if (character === "\n") [row, column] = [row + 1, 0];
    if (character === "\r") column = 0;
    if (character === "\b") column = Math.max(0, column - 1);
    if (character === "\t") column = Math.min(columns - 1, (Math.floor(column / 8) + 1) * 8);
  };

  const command = (parameters: string, final: string) => {
    const first = Number.parseInt(parameters, 10);
    const count = first || 1;
    if (final === "A") row = Math.max(0, row - count);
    if (final === "B") row += count;
    if (final === "C") column = Math.min(columns - 1, column + count);
    if (final === "D") column = Math.max(0, column - count);
    if (final === "G") column = count - 1;
    if (final === "m") look = relook(look, parameters);
    if (final === "K") erase(lines[row], first || 0, column);
    if (final === "J" && !(first > 0)) {
      erase(lines[row], 0, column);
      lines.length = Math.min(lines.length, row + 1);
    }
  };

  for (const [token, parameters, final] of output.matchAll(TOKEN)) {
    if (final !== undefined) command(parameters ?? "", final);
    else if (/^[\x00-\x1f\x7f]$/.test(token)) control(token);
    else if (!token.startsWith("\x1b")) for (const { segment } of segmenter.segment(token)) put(segment);
  }
  while (lines.length > 0 && lines.at(-1)!.every(({ text }) => text === " ")) lines.pop();
  return lines;
}

/** 0: from here to the end, 1: up to here, 2: all. */
function erase(line: Cell[] | undefined, what: number, column: number): void {
  if (!line) return;
  if (what === 0) line.length = Math.min(line.length, column);
  if (what === 1) line.fill(BLANK, 0, column + 1);
  if (what === 2) line.length = 0;
}

function relook(before: Look, parameters: string): Look {
  let { colour, bold, dim } = before;
  for (const code of parameters.split(";").map(Number)) {
    if (code === 0) [colour, bold, dim] = [null, false, false];
    if (code === 1) bold = true;
    if (code === 2) dim = true;
    if (code === 22) [bold, dim] = [false, false];
    if (code === 39) colour = null;
    if (code >= 30 && code <= 37) colour = NAMES[code - 30]!;
    if (code >= 90 && code <= 97) colour = NAMES[code - 90]!;
  }
  return { colour, bold, dim };
}
