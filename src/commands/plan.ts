/** `bungee plan`: what deploy would do, against what runs. Changes nothing. */
import { openFleet } from "../fleet/fleet.ts";
import { connect } from "../host/dial.ts";
import { openReporter } from "../report/open.ts";
import { planToJson } from "../report/plan.ts";
import { styleOf } from "../report/style.ts";
import { deploy } from "../run/deploy.ts";
import type { Action } from "../run/outcome.ts";
import * as options from "./options.ts";
import { logOf, logReporter, withReporter } from "./reporting.ts";
import { choose } from "./selection.ts";
import { whoAndWhen } from "./trigger.ts";
import type { Streams, Verb } from "./verb.ts";

interface PlanArguments {
  readonly selectors: readonly string[];
  readonly flake: string;
  readonly action: Action;
  readonly json: boolean;
  readonly verbose: boolean;
}

export const planVerb: Verb = {
  name: "plan",
  describe: "Show what deploy would do, against what runs.",
  withoutSelectors: "all hosts",
  flags: { flake: options.flake, action: options.action, json: options.json, verbose: options.verbose },
  examples: [["bungee plan tier=prod", "before a deploy to production"]],

  prepare(typed, streams) {
    const args = {
      selectors: typed.selectors,
      flake: options.readFlake(typed),
      action: options.readAction(typed),
      json: typed.flags.has("json"),
      verbose: typed.flags.has("verbose"),
    };
    options.refuseTwoNames(args.flake, args.selectors);
    return () => run(args, streams);
  },
};

async function run({ selectors, flake, action, json, verbose }: PlanArguments, streams: Streams): Promise<number> {
  const { stdout } = streams;
  const reporter = json
    ? logReporter(streams, verbose)
    : openReporter(undefined, { output: stdout, style: styleOf("stdout"), verbose });
  return withReporter(reporter, async (emit, { signal }) => {
    const fleet = await openFleet({ flake, signal, onLine: logOf(emit) });
    const request = {
      ...whoAndWhen(),
      ...choose(fleet, { selectors, all: selectors.length === 0 && fleet.named === null }),
      fleet: fleet.nodes,
      action,
      parallel: fleet.nodes.size,
      allowHostNameChange: false,
      dryRun: true,
      evaluate: (node: string) => fleet.evaluate(node),
    };
    const { plan, exitCode } = await deploy(request, connect, emit, signal);
    if (json && plan) stdout.write(`${planToJson(plan)}\n`);
    return exitCode;
  });
}
