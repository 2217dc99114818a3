/** The flags of `bungee ci`. */
import type { Inputs } from "../ci/decide.ts";
import type { Schema } from "../fleet/sources/source.ts";
import type { ReportKind } from "../report/reporter.ts";
import { REBOOTS } from "../run/outcome.ts";
import * as options from "./options.ts";
import type { Flag, Streams, Typed } from "./verb.ts";

export interface CiArguments {
  readonly flake: string;
  readonly schema: Schema | "auto";
  readonly keys: boolean;
  /** undefined: as the forge's variables say. */
  readonly branch: string | undefined;
  readonly inputs: Inputs;
  readonly explain: boolean;
  readonly json: boolean;
  readonly lockWait: number;
  readonly parallel: number;
  readonly sshKeyFile: string | undefined;
  readonly knownHosts: string | undefined;
  readonly report: ReportKind | undefined;
  readonly verbose: boolean;
}

export const ciFlags: Readonly<Record<string, Flag>> = {
  branch: { value: "name", describe: "of the job, where no variable of its forge says it" },
  action: { ...options.action, describe: 'how to deploy, where the branch deploys; "" is unsaid' },
  reboot: { ...options.reboot, describe: "always, auto (when the kernel changes) or never" },
  explain: { describe: "say what would be done, and why; do nothing" },
  json: { describe: "with --explain: print versioned JSON" },
  "lock-wait": options.lockWait,
  "ssh-key-file": options.sshKeyFile,
  "known-hosts": options.knownHosts,
  flake: options.flake,
  schema: { ...options.schema, rare: true },
  "no-keys": options.noKeys,
  parallel: options.parallel,
  report: { ...options.report, describe: "github (where a runner reads it) lines json tree" },
  verbose: options.verbose,
};

/** @throws UsageError */
export function readCi(typed: Typed, streams: Streams): CiArguments {
  const { selectors, flags } = typed;
  const args: CiArguments = {
    flake: options.readFlake(typed),
    schema: options.readSchema(typed),
    keys: !flags.has("no-keys"),
    branch: options.readText("branch", typed),
    inputs: {
      // A workflow hands an input on whether somebody gave it or not.
      action: flags.get("action") === "" ? undefined : options.readActionIfSaid(typed),
      // Not so here: alone, the flag means a reboot elsewhere, and no input left empty may reboot a fleet.
      reboot: options.readChoice("reboot", REBOOTS, typed),
    },
    explain: flags.has("explain"),
    json: flags.has("json"),
    lockWait: options.readLockWait(typed),
    parallel: options.readParallel(typed),
    sshKeyFile: options.readText("ssh-key-file", typed),
    knownHosts: options.readText("known-hosts", typed),
    report: options.readReport(typed, streams),
    verbose: flags.has("verbose"),
  };
  const { refuse } = options;
  refuse(
    selectors.length > 0,
    `bungee ci chooses hosts by the branch, and ${selectors.join(" ")} names some`,
    "leave them out, or use bungee deploy",
  );
  refuse(
    args.flake.includes("#"),
    `bungee ci chooses hosts by the branch, and --flake ${args.flake} names one`,
    "leave out what stands from # on",
  );
  const [, name] = /^refs\/(?:heads\/(.+))?/.exec(args.branch ?? "") ?? [];
  refuse(
    args.branch?.startsWith("refs/") === true,
    `--branch ${args.branch} is a ref, not a branch`,
    name === undefined ? "give the name of a branch" : `give its name alone: --branch ${name}`,
  );
  refuse(args.json && !args.explain, "--json is for --explain", "use --report json for the events of a deployment");
  refuse(
    args.explain && args.report !== undefined,
    "--explain deploys nothing to report",
    "leave --report out, or use --json",
  );
  return args;
}
