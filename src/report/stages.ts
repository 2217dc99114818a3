/** The stages of a run in words. */
import type { Stage } from "../run/events.ts";

export const DOING: Record<Stage, string> = {
  evaluate: "evaluating",
  connect: "connecting",
  build: "building",
  copy: "copying",
  activate: "activating",
  reboot: "rebooting",
  confirm: "confirming",
  commit: "committing",
  "roll-back": "rolling back",
};

/** Nouns, since the end of a stage does not say how it went: the outcome does. */
export const STAGE: Record<Stage, string> = {
  evaluate: "evaluation",
  connect: "connection",
  build: "build",
  copy: "copy",
  activate: "activation",
  reboot: "reboot",
  confirm: "confirmation",
  commit: "commit",
  "roll-back": "rollback",
};
