/** The one signature of all renderers of the event stream. */
import type { Event } from "../run/events.ts";
import type { Style } from "./style.ts";

export interface Reporter {
  event(event: Event): void;
  /** Live drawing stops while `talk` has the terminal, and goes on after it. */
  withTerminal<T>(talk: () => Promise<T>): Promise<T>;
  /** Leaves the terminal as it was found. What was not yet printed is printed. */
  close(): Promise<void>;
}

export interface ReporterOptions {
  readonly output: NodeJS.WriteStream;
  readonly style: Style;
  /** Print what is marked verbose, too. */
  readonly verbose: boolean;
}

/** `tree` redraws a terminal; `lines` is for logs; `json` for programs; `github` for the runners of GitHub, Forgejo and Gitea. */
export const REPORTS = ["tree", "lines", "json", "github"] as const;
export type ReportKind = (typeof REPORTS)[number];
