/** What the fleet says of one host. Filled by `settings.ts` from the flake: CLI flags over node over the fleet's defaults. */

export type Elevation = "auto" | "none" | "sudo";

export interface Node {
  /** Its name in `nixosConfigurations`. */
  readonly name: string;
  /** `networking.hostName`, where the configuration has one. */
  readonly hostName: string | null;
  readonly addresses: readonly [string, ...string[]];
  readonly user?: string | undefined;
  readonly port?: number | undefined;
  readonly identityFile?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** Names of nodes that must be done before this one starts. */
  readonly after: readonly string[];
  readonly enable: boolean;
  /** Where its derivation is built. */
  readonly build: "local" | "target";
  readonly elevation: Elevation;
  /** Lets the host fetch from its own substituters what they have. */
  readonly substituteOnTarget: boolean;
  /** Seconds. */
  readonly activation: { readonly timeout: number };
  /** Seconds. */
  readonly confirmation: { readonly timeout: number; readonly retryEvery: number };
  readonly rollback: { readonly enable: boolean };
}

/** A node's system as evaluated, not yet built. */
export interface Evaluated {
  readonly drvPath: string;
  /** The toplevel that building gives. */
  readonly outPath: string;
}
