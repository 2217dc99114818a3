/** Where a fleet's nodes may stand in a flake: bungee's own way, and those of others, which are read as they are. */
import type { Profile } from "../node.ts";
import type { Settings } from "../schema.ts";

export const SCHEMAS = ["bungee", "deploy-rs", "colmena"] as const;
export type Schema = (typeof SCHEMAS)[number];

/**
 * What is evaluated is asked for in Nix, in which `outputs` is the flake's outputs and `clean` makes a value fit for JSON; what comes
 * of it is read here, without any I/O.
 */
export interface Source {
  readonly schema: Schema;
  /** The flake's output with its entries, for people: "deploy.nodes". */
  readonly output: string;
  /** Nix: the set of its entries, each a host; null where the flake has none. */
  readonly entries: string;
  /** Nix: what is said for all of them. */
  readonly common: string;
  /** Nix: a function from an entry to what is said of it. Forces no system. */
  readonly entry: string;
  read(said: Said): Reading;
}

/** As evaluated, unchecked. */
export interface Said {
  readonly common: unknown;
  /** By their names; those that could not be evaluated are not there. */
  readonly entries: ReadonlyMap<string, unknown>;
}

export interface Reading {
  /** By name. */
  readonly nodes: ReadonlyMap<string, SourceNode>;
  /** What holds where nobody says anything, other than with bungee. */
  readonly defaults: Settings;
  readonly notes: readonly Note[];
  /** Whole sentences. */
  readonly errors: readonly string[];
  /** Why all nodes at once may not be deployed; null: they may. */
  readonly notAll: string | null;
}

export interface SourceNode {
  /** `networking.hostName`, where it is known. */
  readonly hostName: string | null;
  /** What the source itself says, in our words. */
  readonly settings: Settings;
  /** `config.bungee` of the host's configuration, unchecked; what stands there wins. */
  readonly bungee: unknown;
  /** Where that stands, for people. */
  readonly place: string;
  /** Nodes that come before it, whatever the settings say besides. */
  readonly chain: readonly string[];
  readonly profile: Profile | null;
  /** Other names by which it is chosen, some of them together with others. */
  readonly also: readonly string[];
  /** Nix: the derivation that is deployed, or its path. */
  readonly system: string;
  /** Names of secrets that the source's own tool would bring to the host. */
  readonly keys: readonly string[];
  /** Why it is not enabled, where the source says so. */
  readonly notEnabled: string | null;
}

/** What a source says and cannot be honoured, or is done in another way. */
export interface Note {
  /** null: it is about all of them. */
  readonly node: string | null;
  readonly message: string;
}
