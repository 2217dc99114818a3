/** `bungee deploy`: the chosen hosts get what the flake says, are confirmed, or go back. */
import { openFleet } from "../fleet/fleet.ts";
import type { Settings } from "../fleet/schema.ts";
import { connect } from "../host/dial.ts";
import { openReporter } from "../report/open.ts";
import { styleOf } from "../report/style.ts";
import { deploy } from "../run/deploy.ts";
import { approvalBy } from "./approval.ts";
import { type DeployArguments, deployFlags, readDeploy } from "./deploy-flags.ts";
import { logOf, withReporter } from "./reporting.ts";
import { chooseOrAsk } from "./selection.ts";
import { whoAndWhen } from "./trigger.ts";
import type { Streams, Verb } from "./verb.ts";

export const deployVerb: Verb = {
  name: "deploy",
  describe: "Build, copy, activate, confirm; hosts that fail go back.",
  withoutSelectors: "asks; without a terminal, an error that says --all",
  flags: deployFlags,
  examples: [
    ["bungee deploy web1 role=dns", "one host, and all DNS servers"],
    ["bungee deploy --all --report json", "in CI"],
  ],

  prepare(typed, streams) {
    const args = readDeploy(typed, streams);
    return () => run(args, streams);
  },
};

async function run(args: DeployArguments, streams: Streams): Promise<number> {
  const { action, parallel, allowHostNameChange, dryRun, verbose } = args;
  const reporter = openReporter(args.report, { output: streams.stdout, style: styleOf("stdout"), verbose });
  return withReporter(reporter, async (emit, interruption) => {
    const { signal } = interruption;
    const fleet = await openFleet({ flake: args.flake, overrides: overridesOf(args), signal, onLine: logOf(emit) });
    const chosen = await reporter.withTerminal(() => chooseOrAsk(fleet, args, streams));
    const request = {
      ...whoAndWhen(),
      ...chosen,
      fleet: fleet.nodes,
      action,
      parallel,
      allowHostNameChange,
      dryRun,
      approve: approvalBy(args, reporter, interruption, streams),
      evaluate: (node: string) => fleet.evaluate(node),
    };
    const { exitCode } = await deploy(request, connect, emit, signal);
    return exitCode;
  });
}

/** Flags are the topmost layer of the settings. */
function overridesOf({ activationTimeout, confirmTimeout, rollback }: DeployArguments): Settings {
  return {
    ...(activationTimeout === undefined ? {} : { activation: { timeout: activationTimeout } }),
    ...(confirmTimeout === undefined ? {} : { confirmation: { timeout: confirmTimeout } }),
    ...(rollback ? {} : { rollback: { enable: false } }),
  };
}
