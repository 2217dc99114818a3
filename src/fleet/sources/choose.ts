/** Which source a flake's nodes come from: the one that was asked for, or the one that somebody has written settings for. */
import { ConfigurationError } from "../../errors.ts";
import type { Configurations } from "../evaluate.ts";
import { isSet } from "../fields.ts";
import type { Present } from "../outputs.ts";
import { withoutNulls } from "../sentences.ts";
import { bungeeSource } from "./bungee.ts";
import { colmenaSource } from "./colmena.ts";
import { deployRsSource } from "./deploy-rs.ts";
import type { Note, Schema, Source } from "./source.ts";

const SOURCES: readonly Source[] = [bungeeSource, deployRsSource, colmenaSource];

export interface ChosenSource {
  readonly source: Source;
  readonly configurations: Configurations;
  /** What else there is. */
  readonly notes: readonly Note[];
}

/**
 * Settings of bungee, wherever they stand, are there to be used; else what another tool was told is more than what nobody said.
 * @param flake for messages
 * @throws ConfigurationError where there is no host
 */
export async function chooseSource(
  flake: string,
  schema: Schema | "auto",
  readBy: (source: Source) => Promise<Configurations>,
): Promise<ChosenSource> {
  const wanted = SOURCES.find((source) => source.schema === schema);
  let [source, configurations] = [wanted ?? bungeeSource, await readBy(wanted ?? bungeeSource)];
  const { present } = configurations;
  const there = SOURCES.filter((each) => isPresent(each, present));
  if (wanted === undefined && !(present.nixosConfigurations && saysAnything(configurations))) {
    const other = there.find((each) => each !== bungeeSource);
    if (other) [source, configurations] = [other, await readBy(other)];
  }
  if ((configurations.names ?? []).length === 0) throw noHost(flake, source, configurations);
  const others = there.filter((each) => each !== source);
  const notes = wanted === undefined && others.length > 0 ? [{ node: null, message: choice(source, others) }] : [];
  return { source, configurations, notes };
}

function isPresent({ schema }: Source, { nixosConfigurations, deploy, colmenaHive }: Present): boolean {
  return { bungee: nixosConfigurations, "deploy-rs": deploy, colmena: colmenaHive }[schema];
}

/** Of hosts: what `bungee.ci` says is about branches. */
function saysAnything({ output, entries }: Configurations): boolean {
  const ofFleet = isSet(output) ? { ...output, ci: null } : output;
  const ofHosts = [...entries.values()].map((entry) => (isSet(entry) ? entry.bungee : null));
  return [ofFleet, ...ofHosts].some((said) => holds(withoutNulls(said)));
}

/** Options that nobody set are null, and groups of them are sets of nothing. */
const holds = (value: unknown): boolean => (isSet(value) ? Object.values(value).some(holds) : value !== null);

function choice(taken: Source, others: readonly Source[]): string {
  const ways = others.map(({ schema, output }) => `--schema ${schema} takes ${output}`);
  return `the hosts are those of ${taken.output}, by the settings of ${taken.schema}; ${ways.join(", ")}`;
}

function noHost(flake: string, { schema, output }: Source, { present, names }: Configurations): ConfigurationError {
  const raw = schema === "colmena" || (!present.nixosConfigurations && !present.deploy);
  if (raw && present.colmena && !present.colmenaHive) {
    return new ConfigurationError(`${flake} has the output colmena, and no colmenaHive, which is what can be read`, {
      mend: "add to its outputs: colmenaHive = colmena.lib.makeHive self.outputs.colmena;",
    });
  }
  return new ConfigurationError(`${flake} has ${names === null ? "no" : "an empty"} ${output}: there is no host`, {
    mend:
      schema === "bungee"
        ? "give --flake the flake with your hosts, or add nixosConfigurations.<name> to its outputs"
        : "give --flake the flake with your hosts, or leave --schema out",
  });
}
