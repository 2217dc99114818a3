/** The flags of `bungee deploy`, and the sets of them that cannot be. */
import type { Settings } from "../fleet/schema.ts";
import type { Schema } from "../fleet/sources/source.ts";
import type { ReportKind } from "../report/reporter.ts";
import type { Action, Reboot } from "../run/outcome.ts";
import { isInteractive } from "./ask.ts";
import * as options from "./options.ts";
import type { Flag, Streams, Typed } from "./verb.ts";

export interface DeployArguments {
  readonly selectors: readonly string[];
  readonly all: boolean;
  readonly flake: string;
  readonly schema: Schema | "auto";
  readonly action: Action;
  readonly reboot: Reboot;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly parallel: number;
  /** Seconds; undefined: what each node says. */
  readonly activationTimeout: number | undefined;
  /** Seconds; undefined: what each node says. */
  readonly confirmTimeout: number | undefined;
  readonly rollback: boolean;
  /** Whether a host whose keys nobody brings is refused. */
  readonly keys: boolean;
  readonly allowHostNameChange: boolean;
  /** Seconds. */
  readonly lockWait: number;
  /** The transport, as a layer of the settings. */
  readonly ssh: Settings;
  readonly report: ReportKind | undefined;
  readonly verbose: boolean;
}

export const deployFlags: Readonly<Record<string, Flag>> = {
  all: { describe: "every host that is not disabled" },
  flake: options.flake,
  schema: { ...options.schema, rare: true },
  action: options.action,
  reboot: options.reboot,
  "dry-run": { describe: "stop after the plan" },
  yes: { alias: "y", describe: "do not ask (without a terminal nobody is asked)" },
  parallel: options.parallel,
  "activation-timeout": { value: "s", describe: "seconds, instead of what each host's settings say" },
  "confirm-timeout": { value: "s", describe: "seconds, instead of what each host's settings say" },
  "no-rollback": { describe: "a host that is not confirmed keeps the new system" },
  "allow-host-name-change": { describe: "the new system may have another host name" },
  "no-keys": options.noKeys,
  "lock-wait": options.lockWait,
  ssh: options.ssh,
  report: options.report,
  verbose: options.verbose,
};

/** @throws UsageError */
export function readDeploy(typed: Typed, streams: Streams): DeployArguments {
  const { selectors, flags } = typed;
  const args: DeployArguments = {
    selectors,
    all: flags.has("all"),
    flake: options.readFlake(typed),
    schema: options.readSchema(typed),
    action: options.readAction(typed),
    reboot: options.readReboot(typed),
    dryRun: flags.has("dry-run"),
    yes: flags.has("yes"),
    parallel: options.readParallel(typed),
    activationTimeout: options.readTimeout("activation-timeout", typed),
    confirmTimeout: options.readTimeout("confirm-timeout", typed),
    rollback: !flags.has("no-rollback"),
    keys: !flags.has("no-keys"),
    allowHostNameChange: flags.has("allow-host-name-change"),
    lockWait: options.readLockWait(typed),
    ssh: options.readSsh(typed),
    report: options.readReport(typed, streams),
    verbose: flags.has("verbose"),
  };
  refuseContradictions(args, streams);
  return args;
}

const ACTIVATES: readonly Action[] = ["dry-activate", "test", "switch", "boot"];
const CONFIRMS: readonly Action[] = ["test", "switch"];
const REBOOTS: readonly Action[] = ["switch", "boot"];
const LOCKS: readonly Action[] = ["test", "switch", "boot"];

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
    args.reboot !== "never" && !REBOOTS.includes(action),
    `--reboot means nothing for --action ${action}${action === "test" ? ": a reboot undoes a test" : ""}`,
    "leave it out",
  );
  const confirms = CONFIRMS.includes(action) || args.reboot !== "never";
  refuse(
    args.activationTimeout !== undefined && !ACTIVATES.includes(action),
    `--activation-timeout means nothing for --action ${action}: nothing is activated`,
    "leave it out",
  );
  refuse(
    args.confirmTimeout !== undefined && !confirms,
    `--confirm-timeout means nothing for --action ${action}: there is nothing to confirm`,
    "leave it out",
  );
  refuse(
    !args.rollback && !confirms,
    `--no-rollback means nothing for --action ${action}: what runs is left alone`,
    "leave it out",
  );
  refuse(
    args.lockWait > 0 && !LOCKS.includes(action),
    `--lock-wait means nothing for --action ${action}: no run holds a host then`,
    "leave it out",
  );
  refuse(
    selectors.length === 0 && !all && !flake.includes("#") && !isInteractive(streams),
    "no host is chosen, and there is no terminal to ask at",
    "name hosts or labels, or say --all",
  );
}
