/** From chosen hosts to the exit code: what every command that deploys does, in one place. */
import type { Fleet } from "../fleet/fleet.ts";
import { connect } from "../host/dial.ts";
import type { Reporter } from "../report/reporter.ts";
import { deploy } from "../run/deploy.ts";
import type { Emit } from "../run/events.ts";
import type { CacheHost } from "../run/push.ts";
import { approvalBy } from "./approval.ts";
import type { DeployArguments } from "./deploy-flags.ts";
import type { Interruption } from "./interruption.ts";
import { refuseByReading, tellNotes } from "./open-fleet.ts";
import { openSecrets } from "./secrets.ts";
import type { Chosen } from "./selection.ts";
import { whoAndWhen } from "./trigger.ts";
import type { Streams } from "./verb.ts";

export type DeployTerms = Pick<
  DeployArguments,
  "action" | "reboot" | "parallel" | "lockWait" | "allowHostNameChange" | "dryRun" | "yes" | "report" | "verbose"
> & {
  /** For the hosts' locks and histories. Default: the user and this machine. */
  readonly actor?: string | undefined;
  /** Whether hosts that need keys which nobody brings are refused. Default: yes. */
  readonly keys?: boolean;
  /** Where builds go. */
  readonly cache?: CacheHost | undefined;
};

export interface Surroundings {
  readonly streams: Streams;
  readonly reporter: Reporter;
  readonly emit: Emit;
  readonly interruption: Interruption;
}

export async function deployTo(
  chosen: Chosen,
  fleet: Fleet,
  terms: DeployTerms,
  { streams, reporter, emit, interruption }: Surroundings,
): Promise<number> {
  const { action, reboot, parallel, lockWait, allowHostNameChange, dryRun, actor, cache } = terms;
  if (action !== "build") tellNotes(fleet, chosen, emit);
  refuseByReading(fleet, chosen, { keys: true, ...terms });
  using secrets = openSecrets(reporter, interruption, streams);
  const request = {
    ...whoAndWhen(),
    ...(actor === undefined ? {} : { actor }),
    ...chosen,
    fleet: fleet.nodes,
    action,
    reboot,
    parallel,
    lockWait,
    allowHostNameChange,
    dryRun,
    approve: approvalBy(terms, reporter, interruption, streams),
    evaluate: (node: string) => fleet.evaluate(node),
    secrets,
    cache,
  };
  const { exitCode } = await deploy(request, connect, emit, interruption.signal);
  return exitCode;
}
