/** How a run ended, split by what the operator does next. */
import type { ErrorReport } from "../errors.ts";

export const ACTIONS = ["build", "stage", "dry-activate", "test", "switch", "boot"] as const;
export type Action = (typeof ACTIONS)[number];

/** Whether the host is rebooted on the way; auto: when kernel, initrd or modules are others than those that were booted. */
export const REBOOTS = ["never", "auto", "always"] as const;
export type Reboot = (typeof REBOOTS)[number];

/** What a host runs and would boot: the toplevels, as store paths; null where it has none. */
export interface Triple {
  readonly running: string | null;
  readonly profile: string | null;
  /** null also where the boot loader is not one that the activator can read. */
  readonly bootDefault: string | null;
}

export type Outcome =
  /** It was there already; nothing was activated. `profile`, here and below: what it is about, where that is not the system. */
  | { readonly kind: "unchanged"; readonly release: string; readonly profile?: string }
  /** The release runs (for boot without a reboot: will boot), proved over a fresh connection. */
  | { readonly kind: "confirmed"; readonly release: string; readonly rebooted?: true; readonly profile?: string }
  /** Built, or copied and kept by a GC root; nothing was activated. `cache`: pushed there, and kept. */
  | { readonly kind: "staged"; readonly release: string; readonly cache?: string }
  /** dry-activate: the log says what would happen. */
  | { readonly kind: "previewed"; readonly release: string }
  /** The recorded state is back. `verified`: seen over a fresh connection, whole and well; else `doubts` says what was not. */
  | {
      readonly kind: "rolled-back";
      readonly why: ErrorReport;
      readonly restored: Triple;
      readonly verified: boolean;
      readonly doubts: readonly string[];
      readonly profile?: string;
    }
  | { readonly kind: "skipped"; readonly why: string }
  /** Before anything on the host was touched. */
  | { readonly kind: "failed"; readonly why: ErrorReport }
  /** Nobody knows, or the way back failed: a person must look. */
  | { readonly kind: "unknown"; readonly why: ErrorReport; readonly lastSeen: string; readonly howToLook: string };

/**
 * Exit codes of the CLI: 0 all as wanted · 1 not all, every host in a known good state · 3 a person must look ·
 * 130 interrupted, hosts safe.
 */
export function exitCode(outcomes: Iterable<Outcome>, interrupted: boolean): 0 | 1 | 3 | 130 {
  const all = [...outcomes];
  if (all.some(mustLook)) return 3;
  if (interrupted) return 130;
  return all.every(asWanted) ? 0 : 1;
}

/** A way back that nobody saw is not known to have worked. */
const mustLook = (outcome: Outcome): boolean =>
  outcome.kind === "unknown" || (outcome.kind === "rolled-back" && !outcome.verified);

export const asWanted = ({ kind }: Outcome): boolean =>
  kind === "unchanged" || kind === "confirmed" || kind === "staged" || kind === "previewed";
