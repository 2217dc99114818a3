/** `bungee ci`: what a CI job does with its branch. */
import { appendFileSync } from "node:fs";
import { type Decision, decide } from "../ci/decide.ts";
import { type CiJob, isActions, readJob } from "../ci/forge.ts";
import { labelledInputs } from "../ci/labels.ts";
import { readRules } from "../ci/rules.ts";
import { ConfigurationError, UsageError } from "../errors.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Node } from "../fleet/node.ts";
import { demandKnownHosts } from "../host/acquaintance.ts";
import type { LoginFiles } from "../host/login-files.ts";
import { openReporter } from "../report/open.ts";
import { styleOf } from "../report/style.ts";
import { isInteractive } from "./ask.ts";
import { explainJson, explainOutputs, explainText } from "./ci-explain.ts";
import { type CiArguments, ciFlags, readCi } from "./ci-flags.ts";
import { openLogin, takeGiven } from "./ci-login.ts";
import { deployTo } from "./deployment.ts";
import { readFleet, refuseByReading } from "./open-fleet.ts";
import { logReporter, withReporter } from "./reporting.ts";
import { type Chosen, choose } from "./selection.ts";
import type { Streams, Verb } from "./verb.ts";

export const ciVerb: Verb = {
  name: "ci",
  describe: "Deploy, test or build in a CI job, as its branch says.",
  withoutSelectors: null,
  flags: ciFlags,
  examples: [
    ["bungee ci --explain --branch test-web1", "what a push would do"],
    ["bungee ci --lock-wait 900", "in the job: waits for another one"],
  ],

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
  const output = explain ? streams.stderr : stdout;
  const reporter =
    explain && kind === undefined
      ? logReporter(streams, verbose)
      : openReporter(kind, { output, style: styleOf(explain ? "stderr" : "stdout"), verbose });
  return withReporter(reporter, async (emit, interruption) => {
    const { signal } = interruption;
    const job = readJob(process.env, args.branch);
    const fleet = await readFleet(args, emit, { signal });
    const labelled = await labelledInputs(job, process.env, token, signal);
    const decision = decide(job, readRules(fleet.ci), args.inputs, fleet.candidates, labelled);
    const chosen = hostsOf(decision, job, fleet);
    // Also of what is only explained: what is refused would not be done.
    refuseByReading(fleet, chosen, { ...decision, dryRun: false, keys: args.keys });
    if (explain) {
      const hosts = [...chosen.nodes.map(({ name }) => name), ...chosen.broken.keys()];
      stdout.write(`${(args.json ? explainJson : explainText)(job, decision, hosts)}\n`);
      if (isActions(process.env)) setOutputs(explainOutputs(decision, hosts), process.env.GITHUB_OUTPUT);
      return 0;
    }
    for (const message of decision.why) emit({ type: "notice", level: "info", message });
    const surroundings = { streams, reporter, emit, interruption };
    const terms = { ...ALWAYS, ...args, ...decision, report: kind, actor: job.origin ?? undefined };
    if (decision.action === "build") return deployTo(builtHere(chosen), fleet, terms, surroundings);
    await using login = await openLogin(args, given, { interactive: isInteractive(streams) });
    const known = { ...chosen, nodes: chosen.nodes.map((node) => loggedIn(node, login)) };
    await demandKnownHosts(known.nodes.map(targetOf), { configFile: login.configFile, signal });
    return await deployTo(known, fleet, terms, surroundings);
  });
}

/** Not left out where it fails: the jobs that follow would build and deploy nothing, and be green. */
function setOutputs(outputs: string, file: string | undefined): void {
  try {
    if (file) appendFileSync(file, outputs);
  } catch (cause) {
    throw new ConfigurationError(`GITHUB_OUTPUT ${file} cannot be written: ${(cause as NodeJS.ErrnoException).code}`, {
      mend: "the runner names this file: see its disk, and that the step runs as the user that it is for",
      cause,
    });
  }
}

/** Nobody is there to be asked. */
const ALWAYS = { allowHostNameChange: false, dryRun: false, yes: true };

function hostsOf({ hosts, rule }: Decision, { subject }: CiJob, fleet: Fleet): Chosen {
  if (hosts === "all") return { nodes: [...fleet.nodes.values()], broken: fleet.broken };
  if (hosts === "enabled") return choose(fleet, { selectors: [], all: true });
  try {
    return choose(fleet, { ...hosts, all: false });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const { message, mend } = error;
    if (rule !== "bungee.ci.testPrefix") throw new UsageError(`${rule}.select: ${message}`, { mend });
    const branch = subject.kind === "branch" ? subject.branch : "";
    throw new UsageError(`the branch ${branch}: ${message}`, { mend: "enable the host, or rename the branch" });
  }
}

/** A branch that only builds sends nothing to a host, whatever its nodes say. */
const builtHere = (chosen: Chosen): Chosen => ({
  ...chosen,
  nodes: chosen.nodes.map((node) => ({ ...node, build: "local" })),
});

const loggedIn = (node: Node, { identityFile }: LoginFiles): Node =>
  identityFile === undefined ? node : { ...node, identityFile };

const targetOf = (node: Node) => ({ ...node, node: node.name });
