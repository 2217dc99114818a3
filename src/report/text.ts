/** Text that came from elsewhere (a host, nix, a flake) made safe to print, and the little layout that reports need. */
import { stripVTControlCharacters } from "node:util";

/** Characters of one line that are shown; the rest is counted. A log line can be megabytes. */
const LONGEST = 2000;

// What reorders or hides text: bidirectional controls, zero-width marks, line separators, the invisible tag block.
const DECEPTIVE = /[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

/**
 * One line, without anything that speaks to a terminal or to a CI runner: a host's log must not move the cursor, hide or
 * reorder text, or give orders (`::error::`, `##[group]`, `##vso[…]`) to the job that prints it. What is replaced stays visible.
 */
export function clean(text: string): string {
  const line = stripVTControlCharacters(text.toWellFormed().replace(/[\r\n]+$/, ""))
    .replaceAll("\t", "    ")
    .replace(/[\x00-\x1f]/g, (control) => String.fromCharCode(0x2400 + control.charCodeAt(0)))
    .replaceAll("\x7f", "\u2421")
    .replace(/[\x80-\x9f]/g, "\ufffd")
    .replace(DECEPTIVE, "\ufffd")
    .replace(/##(?=\[|vso\[|teamcity\[)/gi, "# #")
    .replace(/^(\s*):(?=:)/, "$1: ");
  if (line.length <= LONGEST) return line;
  return `${line.slice(0, LONGEST).toWellFormed()}… (${line.length - LONGEST} more characters)`;
}

/** Each line cleaned; empty lines at the end are dropped. */
export function cleanLines(text: string): string[] {
  const lines = text.split(/\r?\n/).map(clean);
  while (lines.length > 0 && lines.at(-1)!.trim() === "") lines.pop();
  return lines;
}

const segmenter = new Intl.Segmenter();
const WIDE =
  /^(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}])/u;

/** Columns that a terminal gives to the text; colours take none. */
export function width(text: string): number {
  const plain = stripVTControlCharacters(text);
  if (/^[\x20-\x7e]*$/.test(plain)) return plain.length;
  let columns = 0;
  for (const { segment } of segmenter.segment(plain)) columns += WIDE.test(segment) ? 2 : 1;
  return columns;
}

export function pad(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - width(text)));
}

/** Shortened in the middle of nowhere rather than wrapped: for names in a column. */
export function fit(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let kept = "";
  for (const { segment } of segmenter.segment(text)) {
    if (width(kept + segment) > columns - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** Breaks at spaces; a word longer than a line (a store path) keeps its line, so that it can be copied whole. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && width(line) + 1 + width(word) > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
