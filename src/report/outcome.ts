/** What an outcome means, in words: the headline of a node, what runs now, and what a person does next. */
import type { ErrorReport } from "../errors.ts";
import type { Action, Outcome } from "../run/outcome.ts";
import { messageOf } from "./error.ts";
import { formatRelease } from "./format.ts";
import { cleanLines } from "./text.ts";

export interface OutcomeText {
  readonly word: string;
  readonly tone: "good" | "warn" | "bad" | "dim";
  /** One line. */
  readonly what: string;
  /** What is so now; whole store paths, to be copied. */
  readonly facts: readonly string[];
  readonly why: ErrorReport | null;
}

export function describeOutcome(node: string, outcome: Outcome, action: Action): OutcomeText {
  switch (outcome.kind) {
    case "unchanged":
      if (outcome.profile !== undefined)
        return plain("unchanged", "dim", `profile ${outcome.profile} is ${formatRelease(outcome.release)} already`);
      return plain("unchanged", "dim", `${HOLDS[action]} ${formatRelease(outcome.release)} already`);
    case "confirmed":
      if (outcome.profile !== undefined) return plain("confirmed", "good", profileHolds(outcome, action));
      return outcome.rebooted
        ? plain("confirmed", "good", `was rebooted, runs and boots ${formatRelease(outcome.release)}`)
        : plain("confirmed", "good", `${HOLDS[action]} ${formatRelease(outcome.release)}${MORE[action] ?? ""}`);
    case "staged":
      if (outcome.cache !== undefined)
        return plain("pushed", "good", `${formatRelease(outcome.release)} is kept on ${outcome.cache}`);
      return action === "build"
        ? plain("built", "good", `${formatRelease(outcome.release)}; nothing was copied`)
        : plain("staged", "good", `has ${formatRelease(outcome.release)}, kept by a GC root; nothing was activated`);
    case "previewed":
      return plain(
        "previewed",
        "good",
        `${formatRelease(outcome.release)}: the log says what it would do; nothing was changed`,
      );
    case "skipped":
      return plain("skipped", "warn", outcome.why);
    case "rolled-back":
      return blame("rolled back", "bad", node, outcome.why, nowRuns(node, outcome));
    case "failed":
      return blame("failed", "bad", node, outcome.why, ["what the host runs and boots was not touched"]);
    case "unknown":
      return blame("unknown", "bad", node, outcome.why, [
        `last seen: ${outcome.lastSeen}`,
        `look at it yourself: ${outcome.howToLook}`,
      ]);
  }
}

const HOLDS: Record<Action, string> = {
  build: "is built as",
  stage: "has",
  "dry-activate": "runs",
  test: "runs",
  switch: "runs and boots",
  boot: "boots",
};

/** A test of it activates, and sets nothing. */
function profileHolds({ profile, release }: Extract<Outcome, { kind: "confirmed" }>, action: Action): string {
  return action === "test"
    ? `profile ${profile} was activated as ${formatRelease(release)}, and not set`
    : `profile ${profile} is ${formatRelease(release)}`;
}

const MORE: Partial<Record<Action, string>> = {
  test: " until its next reboot",
  boot: " at its next reboot; what runs now was left alone",
};

function plain(word: string, tone: OutcomeText["tone"], what: string): OutcomeText {
  return { word, tone, what: firstLine(what), facts: [], why: null };
}

function blame(word: string, tone: OutcomeText["tone"], node: string, why: ErrorReport, facts: string[]): OutcomeText {
  // The table names the node already.
  const message = why.message.startsWith(`${node}: `) ? why.message.slice(node.length + 2) : why.message;
  const what = firstLine(why.node && why.node !== node ? messageOf(why) : message);
  return { word, tone, what, facts: facts.flatMap(cleanLines), why };
}

function nowRuns(node: string, outcome: Extract<Outcome, { kind: "rolled-back" }>): string[] {
  const { restored, verified, doubts, profile } = outcome;
  if (profile !== undefined) {
    const was = restored.profile ?? "nothing, and nothing was activated";
    const leads = `profile ${profile} is what it was, seen over a fresh connection: ${was}`;
    return verified ? [leads] : [`NOT VERIFIED that all is as before: ${doubts.join("; ")}`];
  }
  const running = restored.running ?? "nothing that bungee could name";
  const facts = verified
    ? [`runs again what it ran before, seen over a fresh connection: ${running}`]
    : [
        `NOT VERIFIED that all is as before: ${doubts.join("; ")}`,
        `last known to run: ${running}`,
        `look at it: ssh ${node} readlink -f /run/current-system`,
      ];
  const boots = restored.bootDefault ?? restored.profile;
  return boots !== null && boots !== restored.running ? [...facts, `boots, as before: ${boots}`] : facts;
}

function firstLine(text: string): string {
  return cleanLines(text)[0] ?? "";
}
