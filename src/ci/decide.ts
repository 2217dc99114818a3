/** From a job to what is done, and why: by its branch, never by who pushed. Pure. */
import { UsageError } from "../errors.ts";
import { didYouMeanOneOf } from "../fleet/nearest.ts";
import { pattern } from "../fleet/pattern.ts";
import { type Candidate, isCalled } from "../fleet/select.ts";
import type { Action, Reboot } from "../run/outcome.ts";
import type { CiJob } from "./forge.ts";
import type { CiRules } from "./rules.ts";

type Fleet = readonly Pick<Candidate, "name" | "also">[];

/** How, where the branch says that something is deployed: the input of a dispatch, or a label. */
export interface Inputs {
  readonly action?: Action | undefined;
  readonly reboot?: Reboot | undefined;
}

export interface Decision {
  readonly action: Action;
  readonly reboot: Reboot;
  /** `all`: those that are disabled, too, since nothing is sent to them. */
  readonly hosts: "all" | "enabled" | { readonly selectors: readonly string[] };
  /** Which rule holds: a path in the flake's output, or a word. */
  readonly rule: string;
  /** Sentences. */
  readonly why: readonly string[];
}

/**
 * @param fleet all nodes
 * @param labelled what the labels of the request say that was merged
 * @throws UsageError for a branch that names no node, and for inputs that contradict it
 */
export function decide(job: CiJob, rules: CiRules, inputs: Inputs, fleet: Fleet, labelled: Inputs = {}): Decision {
  const decided = byRules(job, rules, fleet);
  if (decided.action === "build") return stillBuilds(decided, inputs);
  return withLabels(withInputs(decided, inputs), inputs, labelled);
}

function byRules({ subject }: CiJob, rules: CiRules, fleet: Fleet): Decision {
  switch (subject.kind) {
    case "nothing":
      throw new UsageError("no branch is known: no variable of a forge says one", {
        mend: "give it with --branch; outside of CI, bungee deploy is the command",
      });
    case "proposal":
      return buildOnly("proposal", `${subject.what} is proposed, not merged: a pull or merge request only builds`);
    case "tag":
      return buildOnly("tag", `${subject.tag} is a tag: tags only build`);
    case "other":
      return buildOnly("event", `${subject.what} is not a push to a branch, a schedule or a dispatch: it only builds`);
    case "branch":
      return byBranch(subject.branch, rules, fleet);
  }
}

function byBranch(branch: string, { main, testPrefix, rules }: CiRules, fleet: Fleet): Decision {
  const index = rules.findIndex((rule) => pattern(rule.branch)(branch));
  const rule = rules[index];
  if (rule !== undefined) {
    const { action = "switch", reboot = "never", select } = rule;
    const hosts = select ? { selectors: select } : action === "build" ? "all" : "enabled";
    const why = [`${branch} matches ${rule.branch}`];
    return { action, reboot, hosts, rule: `bungee.ci.rules[${index}]`, why };
  }
  if (branch === main) {
    const why = [`${branch} is the main branch: every host that is enabled gets it`];
    return { action: "switch", reboot: "never", hosts: "enabled", rule: "bungee.ci.main", why };
  }
  if (branch.startsWith(testPrefix)) {
    const name = branch.slice(testPrefix.length);
    if (!fleet.some((node) => isCalled(node, name))) throw noSuchHost(branch, name, fleet);
    const why = [`${branch} is a test branch: ${name} alone gets it, and a reboot undoes it`];
    return { action: "test", reboot: "never", hosts: { selectors: [name] }, rule: "bungee.ci.testPrefix", why };
  }
  return buildOnly("branch", `${branch} is neither ${main} nor a test branch (${testPrefix}<host>): it only builds`);
}

function buildOnly(rule: string, why: string): Decision {
  return { action: "build", reboot: "never", hosts: "all", rule, why: [why] };
}

const NAMED = 12;

function noSuchHost(branch: string, name: string, fleet: Fleet): UsageError {
  const names = fleet.map((node) => node.name);
  const more = names.length > NAMED ? `, and ${names.length - NAMED} more: see bungee nodes` : "";
  const meant = name === "" ? "" : didYouMeanOneOf(name, new Set(fleet.flatMap(({ also = [] }) => also).concat(names)));
  return new UsageError(`the branch ${branch} names no host: there is no ${name || "host without a name"}${meant}`, {
    mend: `rename the branch; the hosts are ${names.slice(0, NAMED).join(", ")}${more}`,
  });
}

/** Whoever may set a label may not deploy by it. */
function stillBuilds(decision: Decision, { action, reboot }: Inputs): Decision {
  const said = [...(action ? [`--action ${action}`] : []), ...(reboot ? [`--reboot ${reboot}`] : [])];
  if (said.length === 0) return decision;
  return { ...decision, why: [...decision.why, `${said.join(" and ")}: how to deploy, where nothing is deployed`] };
}

const AT_BOOT: readonly Action[] = ["switch", "boot"];

function withInputs(decision: Decision, { action: wanted, reboot: asked }: Inputs): Decision {
  if (wanted === undefined && asked === undefined) return decision;
  // A host that is rebooted anyway need not be switched before.
  const action = wanted ?? (asked === "always" && decision.action === "switch" ? "boot" : decision.action);
  const reboot = asked ?? (AT_BOOT.includes(action) ? decision.reboot : "never");
  if (AT_BOOT.includes(action) && !AT_BOOT.includes(decision.action)) {
    throw new UsageError(`--action ${action} on a branch that only does ${decision.action}: ${decision.why[0]}`, {
      mend: "leave --action out, or merge the branch",
    });
  }
  if (reboot !== "never" && !AT_BOOT.includes(action)) {
    throw new UsageError(`--reboot ${reboot} means nothing for ${action}: ${decision.why[0]}`, {
      mend: "leave --reboot out, or say --reboot never",
    });
  }
  const said = [...(wanted ? [`--action ${wanted}`] : []), ...(asked ? [`--reboot ${asked}`] : [])];
  return { ...decision, action, reboot, why: [...decision.why, `asked for by ${said.join(" and ")}`] };
}

/** What was typed is meant. A label speaks where nobody did, and only of what is deployed for good. */
function withLabels(decision: Decision, typed: Inputs, { action, reboot = decision.reboot }: Inputs): Decision {
  const isTyped = typed.action !== undefined || (typed.reboot ?? "never") !== "never";
  if (action === undefined || isTyped || decision.action !== "switch") return decision;
  const said = reboot === "never" ? action : `${action} --reboot ${reboot}`;
  return { ...decision, action, reboot, why: [...decision.why, `the labels of the merged request ask for ${said}`] };
}
