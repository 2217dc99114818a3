/** What later steps of a workflow may ask: the hosts of each outcome as JSON lists, and the exit code. */
import type { Outcome } from "../run/outcome.ts";
import { stringify } from "./json.ts";

const KINDS = [
  "confirmed",
  "unchanged",
  "staged",
  "previewed",
  "rolled-back",
  "skipped",
  "failed",
  "unknown",
] as const satisfies readonly Outcome["kind"][];

/** `name=value` lines. JSON has its line breaks escaped, so that no name of a host can begin an output of its own. */
export function outputsOf(outcomes: ReadonlyMap<string, Outcome>, exitCode: number): string {
  const of = (...kinds: readonly string[]) =>
    [...outcomes].filter(([, { kind }]) => kinds.includes(kind)).map(([node]) => node);
  const lists = [
    // Those that have what they should have.
    ["deployed", of("confirmed", "unchanged")] as const,
    ...KINDS.map((kind) => [kind, of(kind)] as const),
  ];
  return [`exit-code=${exitCode}`, ...lists.map(([name, nodes]) => `${name}=${stringify(nodes)}`), ""].join("\n");
}

export const outputsOfFailure = (exitCode: number): string => outputsOf(new Map(), exitCode);
