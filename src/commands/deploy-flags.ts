/** The flags of `bungee deploy`, and the sets of them that cannot be. */
import { REPORTS, type ReportKind } from "../report/reporter.ts";
import type { Action } from "../run/outcome.ts";
import { isInteractive } from "./ask.ts";
import * as options from "./options.ts";
import type { Flag, Streams, Typed } from "./verb.ts";

export interface DeployArguments {
  readonly selectors: readonly string[];
  readonly all: boolean;
  readonly flake: string;
  readonly action: Action;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly parallel: number;
  /** Seconds; undefined: what each node says. */
  readonly activationTimeout: number | undefined;
  /** Seconds; undefined: what each node says. */
  readonly confirmTimeout: number | undefined;
  readonly rollback: boolean;
  readonly allowHostNameChange: boolean;
  readonly report: ReportKind | undefined;
  readonly verbose: boolean;
}

export const deployFlags: Readonly<Record<string, Flag>> = {
  all: { describe: "every host that is not disabled" },
  flake: options.flake,
  action: options.action,
  "dry-run": { describe: "stop after the plan" },
  yes: { alias: "y", describe: "do not ask (without a terminal nobody is asked)" },
  parallel: { value: "n", describe: "hosts worked on at once (default: 10)" },
  "activation-timeout": { value: "s", describe: "seconds, instead of what each host's settings say" },
  "confirm-timeout": { value: "s", describe: "seconds, instead of what each host's settings say" },
  "no-rollback": { describe: "a host that is not confirmed keeps the new system" },
  "allow-host-name-change": { describe: "the new system may have another host name" },
  report: { value: "kind", choices: REPORTS, describe: "tree (on a terminal), lines (off it), json" },
  verbose: options.verbose,
};

/** @throws UsageError */
export function readDeploy(typed: Typed, streams: Streams): DeployArguments {
  const { selectors, flags } = typed;
  const args: DeployArguments = {
    selectors,
    all: flags.has("all"),
    flake: options.readFlake(typed),
    action: options.readAction(typed),
    dryRun: flags.has("dry-run"),
    yes: flags.has("yes"),
    parallel: options.readInteger("parallel", typed, { least: 1, most: 1000, unit: "hosts" }) ?? 10,
    activationTimeout: options.readTimeout("activation-timeout", typed),
    confirmTimeout: options.readTimeout("confirm-timeout", typed),
    rollback: !flags.has("no-rollback"),
    allowHostNameChange: flags.has("allow-host-name-change"),
    report: options.readChoice("report", REPORTS, typed),
    verbose: flags.has("verbose"),
  };
  refuseContradictions(args, streams);
  return args;
}

const ACTIVATES: readonly Action[] = ["dry-activate", "test", "switch", "boot"];
const CONFIRMS: readonly Action[] = ["test", "switch"];

function refuseContradictions(args: DeployArguments, streams: Streams): void {
  const { refuse } = options;
  const { selectors, all, flake, action } = args;
  const naming = selectors.filter((selector) => !selector.startsWith("!"));
  refuse(all && naming.length > 0, `--all and ${naming.join(" ")} say different things`, "give one of both");
  options.refuseTwoNames(flake, selectors, all);
  refuse(
    args.dryRun && action === "dry-activate",
    "--dry-run stops before --action dry-activate could do anything",
    "leave out --dry-run to see what the hosts would do, or --action to see the plan",
  );
  refuse(
    args.activationTimeout !== undefined && !ACTIVATES.includes(action),
    `--activation-timeout means nothing for --action ${action}: nothing is activated`,
    "leave it out",
  );
  refuse(
    args.confirmTimeout !== undefined && !CONFIRMS.includes(action),
    `--confirm-timeout means nothing for --action ${action}: there is nothing to confirm`,
    "leave it out",
  );
  refuse(
    !args.rollback && !CONFIRMS.includes(action),
    `--no-rollback means nothing for --action ${action}: what runs is left alone`,
    "leave it out",
  );
  refuse(
    args.report === "tree" && !streams.stdout.isTTY,
    "--report tree needs a terminal, and the output is none",
    "use --report lines, or json for programs",
  );
  refuse(
    selectors.length === 0 && !all && !flake.includes("#") && !isInteractive(streams),
    "no host is chosen, and there is no terminal to ask at",
    "name hosts or labels, or say --all",
  );
}
