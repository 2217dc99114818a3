/** The plan is data: what will be done with each node and why, before anything is done. Pure; versioned as JSON. */
import type { Facts } from "../activator/protocol.ts";
import type { ErrorReport } from "../errors.ts";
import type { Action, Triple } from "./outcome.ts";

export const PLAN_VERSION = 1;

export interface Plan {
  readonly version: typeof PLAN_VERSION;
  readonly action: Action;
  /** Nodes of one wave run in parallel; a wave starts when the one before is done. */
  readonly waves: readonly (readonly string[])[];
  readonly nodes: Readonly<Record<string, NodePlan>>;
}

export type NodePlan =
  | { readonly kind: "unchanged"; readonly release: string; readonly now: Triple }
  | {
      readonly kind: "deploy";
      readonly release: string;
      /** null: the action does not ask the host (build). */
      readonly now: Triple | null;
      readonly warnings: readonly string[];
      /** Changes of the closure against what runs; null while one of both is not in the deployer's store. */
      readonly diff: readonly string[] | null;
      /** Kernel, initrd or modules differ from what was booted; null while that is not known. */
      readonly needsReboot: boolean | null;
    }
  | { readonly kind: "skip"; readonly why: string }
  | { readonly kind: "failed"; readonly why: ErrorReport };

/** What was found out about one node. */
export type Survey =
  | { readonly ok: false; readonly why: ErrorReport }
  | {
      readonly ok: true;
      readonly release: string;
      readonly facts: Facts | null;
      readonly diff: readonly string[] | null;
      readonly needsReboot: boolean | null;
    };

export function planNode(action: Action, survey: Survey): NodePlan {
  if (!survey.ok) return { kind: "failed", why: survey.why };
  const { release, facts, diff, needsReboot } = survey;
  if (facts !== null && isThere(action, release, facts.now)) return { kind: "unchanged", release, now: facts.now };
  return { kind: "deploy", release, now: facts?.now ?? null, warnings: warningsOf(facts), diff, needsReboot };
}

/** Whether the action would leave the host as it is. */
function isThere(action: Action, release: string, now: Triple): boolean {
  const bootsIt = now.profile === release && (now.bootDefault === release || now.bootDefault === null);
  switch (action) {
    case "test":
      return now.running === release;
    case "switch":
      return now.running === release && bootsIt;
    case "boot":
      return bootsIt;
    default:
      return false;
  }
}

const LOW_SPACE = 512 * 1024 * 1024;

function warningsOf(facts: Facts | null): string[] {
  if (facts === null) return [];
  const warnings: string[] = [];
  const { lock, now, failedUnits, storeFreeBytes } = facts;
  if (lock?.sameBoot) warnings.push(`${lock.actor} holds it with run ${lock.run} since ${lock.since}`);
  if (lock && !lock.sameBoot) warnings.push(`a reset left run ${lock.run} behind; it is closed first`);
  if (failedUnits.length > 0) warnings.push(`units that fail already: ${failedUnits.join(", ")}`);
  if (now.running !== now.profile)
    warnings.push("what runs is not what its profile says: it was tested or rolled back by hand");
  if (storeFreeBytes < LOW_SPACE)
    warnings.push(`only ${Math.round(storeFreeBytes / 1024 / 1024)} MiB free for /nix/store`);
  return warnings;
}
