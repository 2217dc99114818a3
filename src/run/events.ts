/** What the engine says while it works. Text is made of it in `report/` only. */
import type { ErrorReport } from "../errors.ts";
import type { Action, Outcome } from "./outcome.ts";
import type { Plan } from "./plan.ts";

export const STAGES = [
  "evaluate",
  "connect",
  "build",
  "copy",
  "activate",
  "reboot",
  "confirm",
  "commit",
  "roll-back",
] as const;
export type Stage = (typeof STAGES)[number];

export type Event = { readonly at: string /* ISO 8601 */ } & EventBody;

export type EventBody =
  | {
      readonly type: "deployment-started";
      readonly deployment: string;
      readonly action: Action;
      readonly nodes: readonly string[];
    }
  | { readonly type: "stage-started"; readonly node: string; readonly stage: Stage }
  /** Bytes for copy. `total` is null while it is not known. */
  | {
      readonly type: "stage-progress";
      readonly node: string;
      readonly stage: Stage;
      readonly done: number;
      readonly total: number | null;
    }
  | {
      readonly type: "stage-finished";
      readonly node: string;
      readonly stage: Stage;
      readonly ms: number;
      readonly note?: string;
    }
  | {
      readonly type: "stage-failed";
      readonly node: string;
      readonly stage: Stage;
      readonly ms: number;
      readonly error: ErrorReport;
    }
  /** One line without its newline; `source` says who spoke. node is null where a build or evaluation is shared. */
  | {
      readonly type: "log";
      readonly node: string | null;
      readonly source: "nix" | "activation" | "bungee";
      readonly line: string;
      readonly verbose?: boolean;
    }
  | { readonly type: "planned"; readonly plan: Plan }
  /** The host went back by itself or by order; the outcome follows when it was looked at. */
  | { readonly type: "snapped-back"; readonly node: string; readonly why: ErrorReport }
  | { readonly type: "node-finished"; readonly node: string; readonly outcome: Outcome; readonly ms: number }
  /** For the whole deployment: interruptions, warnings. */
  | { readonly type: "notice"; readonly level: "info" | "warning"; readonly message: string }
  | {
      readonly type: "deployment-finished";
      readonly deployment: string;
      readonly outcomes: Readonly<Record<string, Outcome>>;
      readonly exitCode: number;
      readonly ms: number;
    }
  /** The command cannot go on: nothing follows. Told by the command, not by the engine. */
  | { readonly type: "command-failed"; readonly error: ErrorReport; readonly exitCode: number };

export type Emit = (event: EventBody) => void;
