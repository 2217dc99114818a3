/** The plan is data: what will be done with each node and why, before anything is done. Pure; versioned as JSON. */
import type { Facts } from "../activator/protocol.ts";
import { ConfigurationError, describeError, type ErrorReport } from "../errors.ts";
import type { Action, Reboot, Triple } from "./outcome.ts";

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
      /** Whether it will be rebooted; auto: if it needs to be. */
      readonly reboot: Reboot;
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

export interface Wanted {
  readonly action: Action;
  readonly reboot: Reboot;
  readonly mayReboot: boolean;
  /** The name of the profile, where it is not the host's system. */
  readonly profile?: string | undefined;
}

export function planNode(wanted: Wanted, survey: Survey): NodePlan {
  if (!survey.ok) return { kind: "failed", why: survey.why };
  if (wanted.profile !== undefined) {
    if (wanted.action === "boot" || wanted.reboot === "always")
      return { kind: "failed", why: describeError(noBoot(wanted.profile)) };
    // `auto` is for what changes a kernel.
    return planNode({ ...wanted, profile: undefined, reboot: "never" }, survey);
  }
  const { release, facts, diff, needsReboot } = survey;
  if (wanted.reboot === "always" && !wanted.mayReboot) return { kind: "failed", why: describeError(mayNotReboot()) };
  const reboot = wanted.mayReboot ? wanted.reboot : "never";
  if (facts !== null && isThere(wanted.action, release, facts.now) && !isToReboot(reboot, release, facts))
    return { kind: "unchanged", release, now: facts.now };
  const now = facts?.now ?? null;
  return { kind: "deploy", release, now, warnings: warningsOf(facts), diff, needsReboot, reboot };
}

/** deploy-rs would set the profile and activate nothing of it, ever. */
export const noBoot = (profile: string) =>
  new ConfigurationError(`profile ${profile} is not the system: it has no boot`, {
    mend: "deploy it with --action switch or test",
  });

const mayNotReboot = () =>
  new ConfigurationError("this host may not be rebooted: bungee.reboot.allow is false", {
    mend: "leave out --reboot, or allow it",
  });

/** The host has the release, and yet another was booted. */
function isToReboot(reboot: Reboot, release: string, { booted, now, rebootPending }: Facts): boolean {
  if (reboot === "always") return booted !== release;
  return reboot === "auto" && now.running === release && rebootPending;
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
