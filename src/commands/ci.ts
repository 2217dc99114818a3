/** `bungee ci`: what a CI job does with its branch. */
import { appendFileSync } from "node:fs";
import { type Decision, decide } from "../ci/decide.ts";
import { isActions, readJob } from "../ci/forge.ts";
import { labelledInputs } from "../ci/labels.ts";
import { readRules } from "../ci/rules.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Node } from "../fleet/node.ts";
import { demandKnownHosts } from "../host/acquaintance.ts";
import type { LoginFiles } from "../host/login-files.ts";
import { openReporter } from "../report/open.ts";
import { styleOf } from "../report/style.ts";
import { explainJson, explainOutputs, explainText } from "./ci-explain.ts";
import { type CiArguments, ciFlags, readCi } from "./ci-flags.ts";
import { openLogin, takeGiven } from "./ci-login.ts";
import { deployTo } from "./deployment.ts";
import { readFleet } from "./open-fleet.ts";
import { logReporter, withReporter } from "./reporting.ts";
import { type Chosen, choose } from "./selection.ts";
import type { Streams, Verb } from "./verb.ts";

export const ciVerb: Verb = {
  name: "ci",
  describe: "In a CI job: deploy, test or build, as its branch says.",
  withoutSelectors: null,
  flags: ciFlags,
  examples: [["bungee ci --explain --branch test-web1", "what a push to it would do"]],

  prepare(typed, streams) {
    const args = readCi(typed, streams);
    return () => run(args, streams);
  },
};

async function run(args: CiArguments, streams: Streams): Promise<number> {
  const { token, ...given } = takeGiven(process.env);
  const { stdout } = streams;
  const { verbose, explain } = args;
  const kind = args.report ?? (isActions(process.env) ? "github" : undefined);
  const reporter = explain
    ? logReporter(streams, verbose)
    : openReporter(kind, { output: stdout, style: styleOf("stdout"), verbose });
  return withReporter(reporter, async (emit, interruption) => {
    const { signal } = interruption;
    const job = readJob(process.env, args.branch);
    const fleet = await readFleet(args, emit, { signal });
    const names = fleet.candidates.map(({ name }) => name);
    const labelled = await labelledInputs(job, process.env, token, signal);
    const decision = decide(job, readRules(fleet.ci), args.inputs, names, labelled);
    const chosen = hostsOf(decision, fleet);
    if (explain) {
      const hosts = [...chosen.nodes.map(({ name }) => name), ...chosen.broken.keys()];
      stdout.write(`${(args.json ? explainJson : explainText)(job, decision, hosts)}\n`);
      const { GITHUB_OUTPUT } = process.env;
      if (GITHUB_OUTPUT && isActions(process.env)) appendFileSync(GITHUB_OUTPUT, explainOutputs(decision, hosts));
      return 0;
    }
    for (const message of decision.why) emit({ type: "notice", level: "info", message });
    const surroundings = { streams, reporter, emit, interruption };
    const terms = { ...ALWAYS, ...args, ...decision, report: kind, actor: job.origin ?? undefined };
    if (decision.action === "build") return deployTo(builtHere(chosen), fleet, terms, surroundings);
    await using login = await openLogin(args, given);
    const known = { ...chosen, nodes: chosen.nodes.map((node) => loggedIn(node, login)) };
    await demandKnownHosts(known.nodes.map(targetOf), { configFile: login.configFile, signal });
    return await deployTo(known, fleet, terms, surroundings);
  });
}

/** Nobody is there to be asked. */
const ALWAYS = { allowHostNameChange: false, dryRun: false, yes: true };

function hostsOf({ hosts }: Decision, fleet: Fleet): Chosen {
  if (hosts === "all") return { nodes: [...fleet.nodes.values()], broken: fleet.broken };
  return choose(fleet, hosts === "enabled" ? { selectors: [], all: true } : { ...hosts, all: false });
}

/** A branch that only builds sends nothing to a host, whatever its nodes say. */
const builtHere = (chosen: Chosen): Chosen => ({
  ...chosen,
  nodes: chosen.nodes.map((node) => ({ ...node, build: "local" })),
});

const loggedIn = (node: Node, { identityFile }: LoginFiles): Node =>
  identityFile === undefined ? node : { ...node, identityFile };

const targetOf = (node: Node) => ({ ...node, node: node.name });
