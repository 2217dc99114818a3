/**
 * What has to hold when a run of chaos is over, whatever happened. Pure: from what was found to what is wrong with it.
 * The runs' own history is followed step by step from the state before: each must have recorded what the one before it left.
 */
import type { Event } from "../../src/run/events.ts";
import type { Outcome } from "../../src/run/outcome.ts";
import type { Triple } from "../lab/state.ts";
import type { Before, HistoryLine, HostEvidence, RunRecord } from "./evidence.ts";

/** A host, before and after. */
export interface HostCase {
  readonly name: string;
  readonly before: Before;
  readonly after: HostEvidence;
}

/** A deployer's end. */
export interface DeployerCase {
  readonly action: string;
  /** What it was to give to each host, by the host's name; undefined where that cannot be built. */
  readonly releases: Readonly<Record<string, string | undefined>>;
  /** The node that each host is in its fleet. */
  readonly nodes: Readonly<Record<string, string>>;
  /** What it was sent, in order. */
  readonly signals: readonly NodeJS.Signals[];
  readonly code: number;
  readonly events: readonly Event[];
  readonly stderr: string;
  /** Processes of its that outlived it. */
  readonly leftovers: readonly string[];
}

/** Every violation, in words. */
export function violations(hosts: readonly HostCase[], deployers: readonly DeployerCase[]): string[] {
  return [
    ...hosts.flatMap((host) =>
      [...tidy(host), ...recorded(host), ...consistent(host)].map((violation) => `${host.name}: ${violation}`),
    ),
    ...deployers.flatMap((deployer) => [
      ...leftWell(deployer),
      ...hosts.flatMap((host) => truthful(deployer, host, deployers.length === 1)),
    ]),
  ];
}

const FINAL = ["committed", "rolled-back", "rollback-failed", "kept", "cancelled"];

/** Nothing of a run is left. */
function tidy(host: HostCase): string[] {
  const { before, after } = host;
  const roots = Object.keys(after.roots).filter((name) => name !== "staged");
  return [
    ...(after.lock === null ? [] : [`the lock is left: ${after.lock}`]),
    ...after.units.map((unit) => `a unit is left: ${unit}`),
    ...roots.map((name) => `a GC root is left: ${name}`),
    ...halfRuns(before, after).map((run) => `half a run is left: ${run}`),
    ...after.strays.map((file) => `a file is left: ${file}`),
    ...(wasKept(host) ? [] : after.dead.map((unit) => `a unit does not run: ${unit}`)),
  ];
}

/** A reset leaves what it cuts short, until another run begins. */
function halfRuns(before: Before, after: HostEvidence): readonly string[] {
  if (after.boots === before.boots)
    return after.halfRuns.filter((run) => !before.halfRuns.includes(run) || began(before, after));
  return after.halfRuns.filter((run) => before.halfRuns.includes(run) && began(before, after));
}

const began = (before: Before, after: HostEvidence) => after.history.length > before.history.length;

/** With rollback off, a host stays as it is, good or bad. */
const wasKept = (host: HostCase) => newHistory(host).at(-1)?.state === "kept";

/** Every run has ended, with one line in the history that says the same. */
function recorded(host: HostCase): string[] {
  const found: string[] = [];
  const history = newHistory(host);
  if (history.includes(undefined)) found.push("the history has a line that is no JSON");
  for (const run of newRuns(host)) {
    const lines = history.filter((line) => line?.run === run.id);
    const [state] = run.states;
    if (run.states.length !== 1 || !FINAL.includes(state!))
      found.push(`run ${run.id} is ${run.states.join("+") || "nothing"}`);
    if (lines.length !== 1) found.push(`the history has ${lines.length} lines of run ${run.id}`);
    for (const line of lines) {
      if (line?.state !== state) found.push(`the history says ${line?.state} of run ${run.id}, which is ${state}`);
    }
  }
  for (const line of history) {
    if (line && !newRuns(host).some(({ id }) => id === line.run))
      found.push(`the history has run ${line.run}, which is not there`);
  }
  return found;
}

const newRuns = ({ before, after }: HostCase) =>
  after.runs.filter(({ id }) => !before.runs.some((old) => old.id === id));

const newHistory = ({ before, after }: HostCase) => after.history.slice(before.history.length);

/** What a host may be; it may run more than one system, since nobody knows when it was reset. */
interface Belief {
  running: readonly (string | null)[];
  profile: string | null;
  bootDefault: string | null;
}

/** From the state before, over each run, to the state after. */
function consistent(host: HostCase): string[] {
  const { before, after } = host;
  const found: string[] = [];
  const rebooted = after.boots > before.boots;
  let belief = orReset({ ...before.triple, running: [before.triple.running] }, rebooted);
  for (const line of newHistory(host)) {
    const run = newRuns(host).find(({ id }) => id === line?.run);
    if (!line || !run || line.state === "cancelled") continue;
    if (line.state === "rollback-failed") found.push(`the way back of run ${run.id} failed (${run.why})`);
    if (line.state === "kept") return found;
    if (!run.recorded) found.push(`run ${run.id} has recorded nothing`);
    else {
      const wrong = difference(run.recorded, belief);
      if (wrong) found.push(`run ${run.id} has recorded what the host was not: ${wrong}`);
      belief = orReset(afterRun(line, run, belief), rebooted);
    }
  }
  const wrong = difference(after.triple, belief);
  if (wrong) found.push(`the host is not what its runs have made of it: ${wrong}`);
  const version = versionOf(after.triple.running);
  if (after.version !== version) found.push(`app.service says version ${after.version}, and ${version} runs`);
  return found;
}

function orReset(belief: Belief, rebooted: boolean): Belief {
  return rebooted ? { ...belief, running: [...new Set([...belief.running, belief.bootDefault])] } : belief;
}

function afterRun({ state, action, release }: HistoryLine, { recorded, reboot }: RunRecord, belief: Belief): Belief {
  const { running, profile, bootDefault } = recorded!;
  if (state !== "committed") return { running: [running], profile, bootDefault };
  if (action === "test") return { running: [release], profile, bootDefault };
  const runs = action === "boot" && !reboot ? [running, ...belief.running] : [release];
  return { running: runs, profile: release, bootDefault: release };
}

function difference(triple: Triple, belief: Belief): string | undefined {
  const wrong = [
    ...(belief.running.includes(triple.running)
      ? []
      : [`runs ${short(triple.running)}, not ${belief.running.map(short).join(" or ")}`]),
    ...(triple.profile === belief.profile
      ? []
      : [`its profile is ${short(triple.profile)}, not ${short(belief.profile)}`]),
    ...(triple.bootDefault === belief.bootDefault
      ? []
      : [`it would boot ${short(triple.bootDefault)}, not ${short(belief.bootDefault)}`]),
  ];
  return wrong.length > 0 ? wrong.join("; ") : undefined;
}

/** The label of a stand-in system is its version. */
const versionOf = (toplevel: string | null) => (toplevel ?? "").replace(/^.*-nixos-system-chaos-/, "");
const short = (toplevel: string | null) => toplevel?.replace(/^\/nix\/store\/\w{25}/, "") ?? "nothing";

/** It came to an end, said so, left nothing behind; and its exit code says what its outcomes say. */
function leftWell(deployer: DeployerCase): string[] {
  const { code, signals, events, stderr, leftovers } = deployer;
  const left = leftovers.map((process) => `the deployer left a process behind: ${process}`);
  // Whoever is signalled twice leaves at once, and before node runs a signal kills.
  if (signals.includes("SIGKILL") || signals.length > 1 || (signals.length > 0 && events.length === 0)) return left;
  const allowed = allowedCodes(deployer);
  if (allowed.length === 0) left.push(`the deployer ended with ${code} and no report: ${stderr.slice(-500)}`);
  else if (!allowed.includes(code))
    left.push(`the deployer ended with ${code}, its report says ${allowed.join(" or ")}`);
  return left;
}

/** The exit codes that agree with what was reported; none without a report. */
function allowedCodes({ signals, events }: DeployerCase): number[] {
  const interrupted = signals.length > 0;
  const end = events.at(-1);
  // Nothing here is wrong with the fleet: only an interruption may keep a deployment from starting.
  if (end?.type === "command-failed" && interrupted) return [130];
  if (end?.type !== "deployment-finished") return [];
  const plain = exitCodeOf(Object.values(end.outcomes));
  const codes = interrupted && plain !== 3 ? [plain, 130] : [plain];
  if (!codes.includes(end.exitCode)) return codes;
  // When all is told, a signal ends the process as it ends any.
  return interrupted ? [end.exitCode, 130, 143] : [end.exitCode];
}

function exitCodeOf(outcomes: readonly Outcome[]): number {
  if (outcomes.some((outcome) => outcome.kind === "unknown" || (outcome.kind === "rolled-back" && !outcome.verified)))
    return 3;
  return outcomes.every(({ kind }) => ["unchanged", "confirmed", "staged", "previewed"].includes(kind)) ? 0 : 1;
}

/** What a deployer says of a host is so; `unknown` is always true. */
function truthful(deployer: DeployerCase, host: HostCase, alone: boolean): string[] {
  const node = deployer.nodes[host.name];
  const outcome = deployer.events.flatMap((event) =>
    event.type === "node-finished" && event.node === node ? [event.outcome] : [],
  )[0];
  if (node === undefined || !outcome) return [];
  const deployment = deployer.events.find((event) => event.type === "deployment-started")?.deployment;
  // A release that was collected before its run kept it is copied again, and has another run: `…-0`, then `…-0-2`.
  const run = newRuns(host)
    .filter(({ id }) => deployment !== undefined && id.startsWith(`${deployment}-`))
    .toSorted((one, other) => one.id.localeCompare(other.id))
    .at(-1);
  const release = deployer.releases[host.name];
  const lie = lieOf(outcome, deployer.action, run, release, host, alone);
  return lie ? [`${host.name}: the deployer reports ${outcome.kind}${detailOf(outcome)}, but ${lie}`] : [];
}

const detailOf = (outcome: Outcome) =>
  "why" in outcome ? ` (${typeof outcome.why === "string" ? outcome.why : outcome.why.code})` : "";

function lieOf(
  outcome: Outcome,
  action: string,
  run: RunRecord | undefined,
  release: string | undefined,
  { before, after }: HostCase,
  alone: boolean,
): string | undefined {
  const state = run?.states[0];
  const tells = `its run is ${state ?? "not there"}`;
  switch (outcome.kind) {
    case "unknown":
      return undefined;
    case "confirmed":
      if (outcome.release !== release) return `it was to be given ${release}`;
      return state === "committed" && run?.release === release ? undefined : tells;
    case "rolled-back": {
      if (state !== "rolled-back") return tells;
      if (!outcome.verified || !alone || after.boots > before.boots) return undefined;
      const wrong = difference(outcome.restored, { ...after.triple, running: [after.triple.running] });
      return wrong && `of what it says was restored, ${wrong} is so`;
    }
    case "failed":
    case "skipped":
      return run === undefined || state === "cancelled" ? undefined : tells;
    case "staged":
      if (alone && after.roots.staged !== release) return `the root \`staged\` is ${after.roots.staged}`;
      return run && tells;
    case "previewed":
      return run && tells;
    case "unchanged": {
      const { running, profile, bootDefault } = before.triple;
      const was = { test: [running], boot: [profile, bootDefault] }[action] ?? [running, profile, bootDefault];
      return !alone || was.every((path) => path === outcome.release) ? undefined : "it was something else";
    }
  }
}
