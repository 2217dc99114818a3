/** A person's yes to a plan. */
import { plural } from "../report/format.ts";
import { renderPlan } from "../report/plan.ts";
import type { Reporter } from "../report/reporter.ts";
import { styleOf } from "../report/style.ts";
import { clean } from "../report/text.ts";
import type { Action } from "../run/outcome.ts";
import type { Plan } from "../run/plan.ts";
import { approve, isInteractive } from "./ask.ts";
import type { DeployArguments } from "./deploy-flags.ts";
import type { Interruption } from "./interruption.ts";
import type { Streams } from "./verb.ts";

type Approval = (plan: Plan) => Promise<boolean>;

/** undefined where nobody is asked: with --yes, without a terminal (CI names its hosts), and for what changes no host. */
export function approvalBy(
  args: Pick<DeployArguments, "yes" | "dryRun" | "action" | "report" | "verbose">,
  reporter: Reporter,
  interruption: Interruption,
  streams: Streams,
): Approval | undefined {
  if (args.yes || args.dryRun || !CHANGES.includes(args.action) || !isInteractive(streams)) return undefined;
  return (plan) =>
    reporter.withTerminal(async () => {
      // People cannot read the JSON that has just gone by.
      if (args.report === "json") {
        const lines = renderPlan(plan, { style: styleOf("stderr"), verbose: args.verbose });
        streams.stderr.write(`${lines.join("\n")}\n`);
      }
      const answer = await approve(questionFor(plan), streams, interruption.signal);
      // Asked, the terminal gives Ctrl-C to the question; other signals have interrupted already.
      if (answer === null && !interruption.signal.aborted) interruption.interrupt("Ctrl-C", "nothing was started");
      return answer === true;
    });
}

const CHANGES: readonly Action[] = ["stage", "test", "switch", "boot"];

/** `Deploy to 3 hosts? (switch web1, web2, db1)` */
export function questionFor(plan: Plan): string {
  const names = plan.waves.flat().filter((name) => plan.nodes[name]?.kind === "deploy");
  const shown = names.slice(0, NAMED).map(clean).join(", ");
  const more = names.length > NAMED ? `, and ${names.length - NAMED} more` : "";
  return `Deploy to ${plural(names.length, "host")}? (${plan.action} ${shown}${more})`;
}

const NAMED = 6;
