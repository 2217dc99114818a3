/** nix' errors as people read them: its message, where in the flake, and which options led there. */

import type { NixError, Position } from "./log.ts";
import { type NixFinished, said } from "./run.ts";

/** What is needed of a snapshot to show positions as paths of the user's own files. */
export interface Source {
  readonly path: string;
  readonly fromWorkTree: boolean;
}

const OPTIONS_SHOWN = 6;

/** The text under a failure. Positions in the snapshot are shown relative to the flake's tree. */
export function explain(finished: NixFinished, source?: Source): string {
  if (finished.errors.length === 0) return said(finished);
  return finished.errors.map((error) => explainError(error, source)).join("\n\n");
}

function explainError(error: NixError, source?: Source): string {
  const lines = [inTree(error.message, source)];
  const at = show(error, source) ?? userFrame(error, source);
  if (at !== undefined) lines.push(`at ${at}`);
  // nixpkgs' module system names the options that led to the error, and who defined them; the rest of a trace, and its
  // own modules, are its inner workings.
  const frames = error.trace.map((frame) => inTree(frame.message, source).replace(/:$/, ""));
  const options = frames.filter((frame) => /^while evaluating (the option|definitions from `(?!\/nix\/))/.test(frame));
  const unique = [...new Set(options)];
  lines.push(...unique.slice(0, OPTIONS_SHOWN));
  if (unique.length > OPTIONS_SHOWN) lines.push(`(and ${unique.length - OPTIONS_SHOWN} more)`);
  return lines.join("\n");
}

/** Files that git does not track are not in the snapshot: the commonest surprise with flakes deserves its own words. */
export function untrackedHint(finished: NixFinished, source: Source): string | undefined {
  const missing = finished.errors.some(
    (error) => error.message.includes(source.path) && /path '.*' does not exist|No such file/.test(error.message),
  );
  return missing && source.fromWorkTree
    ? "if the file is there, git does not track it yet, and nix sees only what git tracks: run `git add` on it"
    : undefined;
}

function userFrame(error: NixError, source: Source | undefined): string | undefined {
  if (source === undefined) return undefined;
  const frame = error.trace.find((entry) => entry.file?.startsWith(`${source.path}/`));
  return frame && show(frame, source);
}

function show({ file, line, column }: Position, source?: Source): string | undefined {
  if (file === null) return undefined;
  return [inTree(file, source), line, column].filter((part) => part !== null).join(":");
}

function inTree(text: string, source?: Source): string {
  return source === undefined ? text : text.replaceAll(`${source.path}/`, "");
}
