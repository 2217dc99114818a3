/** `bungee plan`: what deploy would do, against what runs. Changes nothing. */
import type { Settings } from "../fleet/schema.ts";
import { connect } from "../host/dial.ts";
import { openReporter } from "../report/open.ts";
import { planToJson } from "../report/plan.ts";
import { styleOf } from "../report/style.ts";
import { deploy } from "../run/deploy.ts";
import type { Action } from "../run/outcome.ts";
import { type FleetArguments, readFleet, tellNotes } from "./open-fleet.ts";
import * as options from "./options.ts";
import { logReporter, withReporter } from "./reporting.ts";
import { openSecrets } from "./secrets.ts";
import { choose } from "./selection.ts";
import { whoAndWhen } from "./trigger.ts";
import type { Streams, Verb } from "./verb.ts";

interface PlanArguments extends FleetArguments {
  readonly selectors: readonly string[];
  readonly action: Action;
  readonly ssh: Settings;
  readonly json: boolean;
  readonly verbose: boolean;
}

export const planVerb: Verb = {
  name: "plan",
  describe: "Show what deploy would do, against what runs.",
  withoutSelectors: "all hosts",
  flags: {
    flake: options.flake,
    schema: options.schema,
    action: options.action,
    ssh: options.ssh,
    json: options.json,
    verbose: options.verbose,
  },
  examples: [["bungee plan tier=prod", "before a deploy to production"]],

  prepare(typed, streams) {
    const args = {
      selectors: typed.selectors,
      flake: options.readFlake(typed),
      schema: options.readSchema(typed),
      action: options.readAction(typed),
      ssh: options.readSsh(typed),
      json: typed.flags.has("json"),
      verbose: typed.flags.has("verbose"),
    };
    options.refuseTwoNames(args.flake, args.selectors);
    return () => run(args, streams);
  },
};

async function run(args: PlanArguments, streams: Streams): Promise<number> {
  const { selectors, action, ssh, json, verbose } = args;
  const { stdout } = streams;
  const reporter = json
    ? logReporter(streams, verbose)
    : openReporter(undefined, { output: stdout, style: styleOf("stdout"), verbose });
  return withReporter(reporter, async (emit, interruption) => {
    const { signal } = interruption;
    const fleet = await readFleet(args, emit, { overrides: ssh, signal });
    const chosen = choose(fleet, { selectors, all: selectors.length === 0 && fleet.named === null });
    tellNotes(fleet, chosen, emit);
    using secrets = openSecrets(reporter, interruption, streams);
    const request = {
      ...whoAndWhen(),
      ...chosen,
      fleet: fleet.nodes,
      action,
      parallel: fleet.nodes.size,
      reboot: "never" as const,
      allowHostNameChange: false,
      lockWait: 0,
      dryRun: true,
      evaluate: (node: string) => fleet.evaluate(node),
      secrets,
    };
    const { plan, exitCode } = await deploy(request, connect, emit, signal);
    if (json && plan) stdout.write(`${planToJson(plan)}\n`);
    return exitCode;
  });
}
