/** `bungee deploy`: the chosen hosts get what the flake says, are confirmed, or go back. */
import type { Settings } from "../fleet/schema.ts";
import { openReporter } from "../report/open.ts";
import { styleOf } from "../report/style.ts";
import { type DeployArguments, deployFlags, readDeploy } from "./deploy-flags.ts";
import { deployTo } from "./deployment.ts";
import { readFleet } from "./open-fleet.ts";
import { withReporter } from "./reporting.ts";
import { chooseOrAsk } from "./selection.ts";
import type { Streams, Verb } from "./verb.ts";

export const deployVerb: Verb = {
  name: "deploy",
  describe: "Build, copy, activate, confirm; hosts that fail go back.",
  withoutSelectors: "asks; without a terminal, an error that says --all",
  flags: deployFlags,
  examples: [
    ["bungee deploy web1 --dry-run", "only the plan"],
    ["bungee deploy role=web '!web2'", "hosts with a label, but for one"],
    ["bungee deploy --all --action test", "live on all hosts, until a reboot"],
  ],

  prepare(typed, streams) {
    const args = readDeploy(typed, streams);
    return () => run(args, streams);
  },
};

async function run(args: DeployArguments, streams: Streams): Promise<number> {
  const reporter = openReporter(args.report, {
    output: streams.stdout,
    style: styleOf("stdout"),
    verbose: args.verbose,
  });
  return withReporter(reporter, async (emit, interruption) => {
    const { signal } = interruption;
    const fleet = await readFleet(args, emit, { overrides: overridesOf(args), signal });
    const chosen = await reporter.withTerminal(() => chooseOrAsk(fleet, args, streams, signal));
    return deployTo(chosen, fleet, args, { streams, reporter, emit, interruption });
  });
}

/** Flags are the topmost layer of the settings. */
function overridesOf({ activationTimeout, confirmTimeout, rollback, ssh }: DeployArguments): Settings {
  return {
    ...ssh,
    ...(activationTimeout === undefined ? {} : { activation: { timeout: activationTimeout } }),
    ...(confirmTimeout === undefined ? {} : { confirmation: { timeout: confirmTimeout } }),
    ...(rollback ? {} : { rollback: { enable: false } }),
  };
}
