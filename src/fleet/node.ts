/** What the fleet says of one host. Filled by `settings.ts` from the flake: CLI flags over node over the fleet's defaults. */

import type { HealthCheck } from "./health-checks.ts";

export type Ssh = "auto" | "ssh2" | "openssh";
export type Elevation = "auto" | "none" | "sudo" | "doas" | "run0";

/** A profile besides the system, as deploy-rs has them; activated by the program `deploy-rs-activate` in it. */
export interface Profile {
  readonly name: string;
  /** Whose it is, and who runs its activation. */
  readonly user: string;
  /** Where its link is; null: where nix keeps that user's profiles, which the host itself finds out. */
  readonly path: string | null;
}

export interface Node {
  /** Its name in the flake, and for a profile besides the system, that of its host and its own: "web1.blog". */
  readonly name: string;
  /** `networking.hostName`, where the configuration has one. */
  readonly hostName: string | null;
  readonly addresses: readonly [string, ...string[]];
  readonly user?: string | undefined;
  readonly port?: number | undefined;
  readonly identityFile?: string | undefined;
  /** Options of ssh_config; SSH_OPTIONS says which there may be. */
  readonly sshOptions: Readonly<Record<string, string>>;
  /** The transport; auto is ssh2, and openssh where ssh2 cannot. */
  readonly ssh: Ssh;
  readonly labels: Readonly<Record<string, string>>;
  /** Names of nodes that must be done before this one starts. */
  readonly after: readonly string[];
  readonly enable: boolean;
  /** Where its derivation is built. */
  readonly build: "local" | "target";
  readonly elevation: Elevation;
  /** Lets the host fetch from its own substituters what they have. */
  readonly substituteOnTarget: boolean;
  /** Asks the host to refuse a system with any path that no key signed which the host trusts. It may do so unasked. */
  readonly requireSignature: boolean;
  /** Seconds; whether units that fail in it are no reason to go back. */
  readonly activation: { readonly timeout: number; readonly allowFailedUnits: boolean };
  /** Seconds. */
  readonly confirmation: { readonly timeout: number; readonly retryEvery: number };
  /** By name: what has to be well before the host is confirmed. */
  readonly healthChecks: Readonly<Record<string, HealthCheck>>;
  readonly rollback: { readonly enable: boolean };
  /** Whether the host may be rebooted, and how many seconds it may take to come back. */
  readonly reboot: { readonly allow: boolean; readonly timeout: number };
  /** null: the host's system. */
  readonly profile: Profile | null;
}

/** A node's system as evaluated, not yet built. */
export interface Evaluated {
  readonly drvPath: string;
  /** The toplevel that building gives. */
  readonly outPath: string;
}
