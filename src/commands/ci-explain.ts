/** What `bungee ci` would do, and why: for people, and for the matrix of a workflow. */
import type { Decision } from "../ci/decide.ts";
import type { CiJob, Subject } from "../ci/forge.ts";
import { stringify } from "../report/json.ts";
import { clean, pad } from "../report/text.ts";

const CI_VERSION = 1;

type Explain = (job: CiJob, decision: Decision, hosts: readonly string[]) => string;

export const explainText: Explain = ({ forge, event, subject }, { action, reboot, rule, why }, hosts) => {
  const from = [forge, event].filter((word) => word !== null).join(", ");
  const rows: [string, string][] = [
    [subject.kind, `${nameOf(subject)}${from ? ` (${from})` : ""}`],
    ["rule", rule],
    ["action", reboot === "never" ? action : `${action} --reboot ${reboot}`],
    ["hosts", hosts.length > 0 ? hosts.join(", ") : "none"],
    ...why.map((sentence): [string, string] => ["why", sentence]),
  ];
  return rows.map(([left, right]) => `${pad(left, 8)}  ${clean(right)}`).join("\n");
};

export const explainJson: Explain = ({ forge, event, subject }, { action, reboot, rule, why }, hosts) =>
  stringify({ version: CI_VERSION, forge, event, subject, rule, action, reboot, hosts, why });

/** For later steps and jobs of a workflow, whose matrix the hosts are. JSON has its line breaks escaped. */
export const explainOutputs = ({ action, reboot }: Decision, hosts: readonly string[]): string =>
  `hosts=${stringify(hosts)}\naction=${action}\nreboot=${reboot}\n`;

function nameOf(subject: Subject): string {
  switch (subject.kind) {
    case "branch":
      return subject.branch;
    case "tag":
      return subject.tag;
    case "nothing":
      return "";
    default:
      return subject.what;
  }
}
