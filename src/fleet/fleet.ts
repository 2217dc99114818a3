/** The way in: a flake reference becomes a fleet. */
import { z } from "zod";
import { ConfigurationError, type EvaluationError, UsageError } from "../errors.ts";
import { type Snapshot, snapshotFlake, splitFragment } from "../nix/flake.ts";
import { type NixVersion, nixVersion } from "../nix/version.ts";
import { type EvaluationCache, noCache, openCache } from "./cache.ts";
import {
  type Configurations,
  type Evaluation,
  type EvaluationLine,
  evaluateConfigurations,
  lineOf,
} from "./evaluate.ts";
import { didYouMean } from "./nearest.ts";
import type { Evaluated, Node } from "./node.ts";
import { EvaluationPool, type Machine } from "./pool.ts";
import type { Settings } from "./schema.ts";
import type { Candidate } from "./select.ts";
import { readSettings } from "./settings.ts";
import { Systems } from "./systems.ts";

export interface OpenOptions {
  /** A flake reference as nix takes it; a fragment names a node, as for nixos-rebuild: `.#web1`. */
  readonly flake: string;
  /** Settings from the command line; they win over all others. */
  readonly overrides?: Settings;
  /** Lets the flake read the environment, the clock and any file. Then nothing is cached. */
  readonly impure?: boolean;
  /** Default: $XDG_CACHE_HOME/bungee/eval. null: no cache. */
  readonly cacheDirectory?: string | null;
  /** Where relative flake references begin. Default: the working directory. */
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
  readonly onLine?: (line: EvaluationLine) => void;
  /** Whose cores and memory bound how many evaluations run at once. Default: this machine's. */
  readonly machine?: Machine;
}

export interface Fleet {
  readonly snapshot: Snapshot;
  readonly nix: NixVersion;
  /** The node that the flake reference's fragment names. */
  readonly named: string | null;
  readonly nodes: ReadonlyMap<string, Node>;
  /** Nodes whose settings cannot be evaluated, and why. Not in `nodes`. */
  readonly broken: ReadonlyMap<string, EvaluationError>;
  /** All of them, as `select` takes them. */
  readonly candidates: readonly Candidate[];
  /**
   * A node's system. May be called for many at once: a few run at a time, the others wait for their turn in the order of the
   * calls. Each node is evaluated once, however often it is asked for.
   * @throws EvaluationError
   */
  evaluate(name: string): Promise<Evaluated>;
}

const configurationsSchema = z.object({
  names: z.array(z.string()),
  output: z.unknown(),
  nodes: z.array(z.tuple([z.string(), z.object({ hostName: z.string().nullable(), bungee: z.unknown() })])),
});
/** No attribute of a flake: nodes are cached under `nixosConfigurations`. */
const SETTINGS = "(settings)";

/** @throws EvaluationError | ConfigurationError | UsageError | MissingToolError */
export async function openFleet(options: OpenOptions): Promise<Fleet> {
  const { signal, onLine = () => {}, impure = false } = options;
  const { flake, fragment } = splitFragment(options.flake);
  const nix = await nixVersion({ signal });
  const snapshot = await snapshotFlake(flake, nix, {
    ...(signal ? { signal } : {}),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    onRecord: (record) => {
      const said = lineOf(record);
      if (said) onLine({ node: null, ...said });
    },
  });
  const cached = !impure && options.cacheDirectory !== null;
  const cache = cached ? openCache(snapshot, nix, options.cacheDirectory ?? undefined) : noCache;
  // Two pools, since the settings of many nodes and the system of one tell nothing of each other's need of memory.
  const evaluation = (): Evaluation => ({
    snapshot,
    impure,
    signal,
    onLine,
    pool: new EvaluationPool(options.machine),
  });

  const { names, output, nodes: raw, broken } = await configurations(evaluation(), cache);
  if (names === null || names.length === 0) {
    throw new ConfigurationError(
      `${flake} has ${names === null ? "no" : "an empty"} nixosConfigurations: there is no host`,
      {
        mend: "give --flake the flake with your hosts, or add nixosConfigurations.<name> to its outputs",
      },
    );
  }
  const nodes = readSettings({ names, output, nodes: raw }, options.overrides);
  if (fragment !== null && !names.includes(fragment)) {
    throw new UsageError(`${options.flake}: no node ${fragment} in nixosConfigurations${didYouMean(fragment, names)}`, {
      mend: "`bungee nodes` lists them",
    });
  }
  const systems = new Systems(evaluation(), cache, names);
  return {
    snapshot,
    nix,
    named: fragment,
    nodes,
    broken,
    candidates: names.map((name) => {
      const node = nodes.get(name);
      return { name, labels: node?.labels ?? null, enable: node?.enable ?? true };
    }),
    async evaluate(name) {
      const error = broken.get(name);
      if (error) throw error;
      return systems.get(name);
    },
  };
}

async function configurations(evaluation: Evaluation, cache: EvaluationCache): Promise<Configurations> {
  const known = await cache.read(SETTINGS, configurationsSchema);
  if (known) return { ...known, nodes: new Map(known.nodes), broken: new Map() };
  const fresh = await evaluateConfigurations(evaluation);
  // An error may be of this moment (no network, no memory): it is not remembered.
  if (fresh.broken.size === 0 && fresh.names !== null) {
    await cache.write(SETTINGS, { names: fresh.names, output: fresh.output, nodes: [...fresh.nodes] });
  }
  return fresh;
}
