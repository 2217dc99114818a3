/** The way in: a flake reference becomes a fleet. */
import { z } from "zod";
import { type EvaluationError, UsageError } from "../errors.ts";
import { type Snapshot, snapshotFlake, splitFragment } from "../nix/flake.ts";
import { type NixVersion, nixVersion } from "../nix/version.ts";
import { type EvaluationCache, noCache, openCache } from "./cache.ts";
import { type Configurations, evaluateConfigurations } from "./evaluate.ts";
import { type Evaluation, type EvaluationLine, lineOf } from "./evaluation.ts";
import { didYouMean } from "./nearest.ts";
import type { Evaluated, Node } from "./node.ts";
import { presentSchema } from "./outputs.ts";
import { EvaluationPool, type Machine } from "./pool.ts";
import { checkFleetOutput, type Settings } from "./schema.ts";
import { type Candidate, isCalled } from "./select.ts";
import { readSettings } from "./settings.ts";
import { chooseSource } from "./sources/choose.ts";
import type { Note, Reading, Schema, Source } from "./sources/source.ts";
import { Systems } from "./systems.ts";

export interface OpenOptions {
  /** A flake reference as nix takes it; a fragment names a node, as for nixos-rebuild: `.#web1`. */
  readonly flake: string;
  /** Whose settings are read. Default: auto, which is bungee's where there are any. */
  readonly schema?: Schema | "auto";
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
  /** Whose settings were read, and the flake's output with its hosts. */
  readonly schema: Schema;
  readonly from: string;
  /** What they say, in bungee's words. */
  readonly reading: Reading;
  /** What they say and cannot be honoured, and what else there would have been to read. */
  readonly notes: readonly Note[];
  /** The node that the flake reference's fragment names, or the host with all its profiles. */
  readonly named: string | null;
  readonly nodes: ReadonlyMap<string, Node>;
  /** What the flake's output says in `bungee.ci`, unchecked: src/ci/ knows what may stand there. */
  readonly ci: unknown;
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
  present: presentSchema,
  names: z.array(z.string()),
  common: z.unknown(),
  output: z.unknown(),
  entries: z.array(z.tuple([z.string(), z.unknown()])),
});
/** No attribute of a flake: systems are cached under where they stand in its outputs. */
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

  const readBy = (source: Source) => configurations(evaluation(), cache, source);
  const { source, configurations: said, notes } = await chooseSource(flake, options.schema ?? "auto", readBy);
  const { output, broken } = said;
  const reading = source.read(said);
  const from = source.output;
  const names = [...reading.nodes.keys(), ...broken.keys()].sort();
  const nodes = readSettings({ from, names, output, ...reading }, options.overrides);
  const candidates = candidatesOf(names, nodes, reading);
  const systems = new Systems(
    evaluation(),
    cache,
    new Map([...reading.nodes].map(([name, { system }]) => [name, system])),
  );
  return {
    snapshot,
    nix,
    schema: source.schema,
    from,
    reading,
    notes: [...notes, ...reading.notes],
    named: namedBy(fragment, candidates, options.flake, from),
    nodes,
    ci: checkFleetOutput(output).ci,
    broken,
    candidates,
    async evaluate(name) {
      const error = broken.get(name);
      if (error) throw error;
      return systems.get(name);
    },
  };
}

async function configurations(evaluation: Evaluation, cache: EvaluationCache, source: Source): Promise<Configurations> {
  const place = `${SETTINGS} ${source.output}`;
  const known = await cache.read(place, configurationsSchema);
  if (known) return { ...known, entries: new Map(known.entries), broken: new Map() };
  const { broken, entries, ...fresh } = await evaluateConfigurations(evaluation, source);
  // An error may be of this moment (no network, no memory): it is not remembered.
  if (broken.size === 0 && fresh.names !== null) await cache.write(place, { ...fresh, entries: [...entries] });
  return { ...fresh, entries, broken };
}

function candidatesOf(names: readonly string[], nodes: ReadonlyMap<string, Node>, reading: Reading): Candidate[] {
  return names.map((name) => {
    const node = nodes.get(name);
    const { also = [], notEnabled = null } = reading.nodes.get(name) ?? {};
    return {
      name,
      ...(also.length > 0 ? { also } : {}),
      labels: node?.labels ?? null,
      enable: node?.enable ?? true,
      ...(notEnabled === null ? {} : { notEnabled }),
    };
  });
}

/** @throws UsageError for a fragment that names nothing */
function namedBy(fragment: string | null, candidates: readonly Candidate[], flake: string, from: string) {
  if (fragment === null) return null;
  // As deploy-rs has it, a name with a dot in it is quoted, and a profile follows: "web1.example.org".blog
  const spellings = [fragment, fragment.replaceAll('"', "")];
  const found = spellings.find((name) => candidates.some((candidate) => isCalled(candidate, name)));
  if (found !== undefined) return found;
  const names = candidates.flatMap(({ name, also = [] }) => [name, ...also]);
  throw new UsageError(`${flake}: no node ${fragment} in ${from}${didYouMean(fragment, names)}`, {
    mend: "`bungee nodes` lists them",
  });
}
