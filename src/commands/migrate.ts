/** `bungee migrate`: what another tool's settings are in bungee's words. Asks no host. */
import { ConfigurationError, UsageError } from "../errors.ts";
import { openFleet } from "../fleet/fleet.ts";
import { migrated } from "../fleet/sources/migrate.ts";
import { type FleetArguments, readFleet } from "./open-fleet.ts";
import * as options from "./options.ts";
import { logReporter, withReporter } from "./reporting.ts";
import { choose } from "./selection.ts";
import type { Streams, Verb } from "./verb.ts";

interface MigrateArguments extends FleetArguments {
  readonly selectors: readonly string[];
  readonly verbose: boolean;
}

export const migrateVerb: Verb = {
  name: "migrate",
  describe: "Print deploy-rs' or colmena's settings as bungee's.",
  withoutSelectors: "all hosts",
  flags: { flake: options.flake, schema: options.schema, verbose: options.verbose },
  examples: [["bungee migrate --schema deploy-rs >bungee.nix", "in a flake that has both"]],

  prepare(typed, streams) {
    const args = {
      selectors: typed.selectors,
      flake: options.readFlake(typed),
      schema: options.readSchema(typed),
      verbose: typed.flags.has("verbose"),
    };
    options.refuse(
      args.schema === "bungee",
      "--schema bungee is what migrate leads to",
      "give deploy-rs or colmena, or leave it out",
    );
    options.refuseTwoNames(args.flake, args.selectors);
    return () => run(args, streams);
  },
};

async function run(args: MigrateArguments, streams: Streams): Promise<number> {
  const lines = await withReporter(logReporter(streams, args.verbose), async (emit, { signal }) => {
    // What is said of the fleet stands in what is printed.
    const fleet = await readFleet(args, () => {}, { signal });
    if (fleet.schema === "bungee") {
      throw new UsageError(`the hosts of ${args.flake} are ${fleet.from} already: there is nothing to migrate`, {
        mend: "with --schema deploy-rs or colmena, those settings are read all the same",
      });
    }
    // Who moves a fleet takes its disabled hosts along.
    const { nodes, broken } =
      args.selectors.length === 0 && fleet.named === null
        ? { nodes: [...fleet.nodes.values()], broken: fleet.broken }
        : choose(fleet, { selectors: args.selectors, all: false });
    for (const error of broken.values()) throw error;
    const { reading, from } = fleet;
    const configurations = await configurationsOf(args.flake, signal);
    emit({ type: "log", node: null, source: "bungee", line: `${nodes.length} nodes of ${from}`, verbose: true });
    return migrated({ from, reading, configurations, nodes: nodes.map(({ name }) => name) });
  });
  streams.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}

/** None, where the flake has no nixosConfigurations. */
async function configurationsOf(flake: string, signal: AbortSignal): Promise<readonly string[]> {
  const [reference = ""] = flake.split("#");
  try {
    const { candidates } = await openFleet({ flake: reference || ".", schema: "bungee", signal });
    return candidates.map(({ name }) => name);
  } catch (error) {
    if (error instanceof ConfigurationError) return [];
    throw error;
  }
}
