/** `bungee nodes`: the fleet as bungee reads it. Asks no host. */
import { describeError } from "../errors.ts";
import { waves } from "../fleet/order.ts";
import { renderError } from "../report/error.ts";
import { nodesToJson, renderNodes } from "../report/nodes.ts";
import { styleOf } from "../report/style.ts";
import { type FleetArguments, readFleet, tellNotes } from "./open-fleet.ts";
import * as options from "./options.ts";
import { logReporter, withReporter } from "./reporting.ts";
import { choose } from "./selection.ts";
import type { Streams, Verb } from "./verb.ts";

interface NodesArguments extends FleetArguments {
  readonly selectors: readonly string[];
  readonly json: boolean;
  readonly verbose: boolean;
}

export const nodesVerb: Verb = {
  name: "nodes",
  describe: "List the fleet: names, addresses, labels, order.",
  withoutSelectors: "all hosts",
  flags: { flake: options.flake, schema: options.schema, json: options.json, verbose: options.verbose },
  examples: [["bungee nodes role=dns --json", "the DNS servers, for programs"]],

  prepare(typed, streams) {
    const args = {
      selectors: typed.selectors,
      flake: options.readFlake(typed),
      schema: options.readSchema(typed),
      json: typed.flags.has("json"),
      verbose: typed.flags.has("verbose"),
    };
    options.refuseTwoNames(args.flake, args.selectors);
    return () => run(args, streams);
  },
};

async function run(args: NodesArguments, streams: Streams): Promise<number> {
  const { selectors, json, verbose } = args;
  const { fleet, nodes, broken } = await withReporter(logReporter(streams, verbose), async (emit, { signal }) => {
    const fleet = await readFleet(args, emit, { signal });
    // Who lists the fleet wants to see the disabled ones, too.
    const chosen =
      selectors.length === 0 && fleet.named === null
        ? { nodes: [...fleet.nodes.values()], broken: fleet.broken }
        : choose(fleet, { selectors, all: false });
    tellNotes(fleet, chosen, emit);
    return { fleet, ...chosen };
  });
  const enabled = nodes.filter((node) => node.enable).map(({ name }) => name);
  const order = waves(fleet.nodes, enabled);
  const shown = json ? [nodesToJson(nodes, order)] : renderNodes(nodes, order, styleOf("stdout"));
  streams.stdout.write(`${shown.join("\n")}\n`);
  const errors = [...broken.values()].flatMap((error) => renderError(describeError(error), styleOf("stderr")));
  streams.stderr.write(errors.map((line) => `${line}\n`).join(""));
  return broken.size > 0 ? 1 : 0;
}
