/** The way of one release to one host: build → copy → activate → confirm → commit, or back again. */
import type { RunStatus } from "../activator/protocol.ts";
import { describeError, RefusedError } from "../errors.ts";
import { lineSplitter } from "../lines.ts";
import { carryOut, LostSight } from "./carry-out.ts";
import { copyToHost } from "./copy.ts";
import type { Job } from "./job.ts";
import { whenUnlocked } from "./lock-wait.ts";
import type { Action, Outcome } from "./outcome.ts";
import { named, type Release, releaseOf } from "./release.ts";
import { lostSight, verdict } from "./verdict.ts";

const LOOK_MS = 20_000;
/** Copies of one release, where a garbage collection takes it again and again. */
const ATTEMPTS = 5;
type Delivery = Exclude<Action, "build">;
const REBOOT = { never: "no", auto: "auto", always: "yes" } as const;

/** @param isThere whether the host has it already: what a build gives may only wrap what the host is to run */
export async function pipeline(job: Job, isThere: (release: Release) => boolean): Promise<Outcome> {
  const { request, stages } = job;
  const { action, cache } = request;
  try {
    if (cache)
      await stages.within(
        "connect",
        () => cache.ready(job),
        ({ address }) => address,
      );
    for (let attempt = 1; ; attempt++) {
      const { outPath } = await stages.within("build", () => job.build());
      if (action === "build" && cache) await stages.within("copy", () => cache.push(job, outPath));
      if (action === "build") return { kind: "staged", release: outPath, ...(cache ? { cache: cache.name } : {}) };
      const release = await releaseOf(job, outPath);
      if (isThere(release)) return { kind: "unchanged", release: release.path, ...named(release.profile) };
      await stages.within("copy", () => copyToHost(job, release.path));
      try {
        return await deliver(job, release, action, attempt);
      } catch (error) {
        if (attempt === ATTEMPTS || !wasCollected(error)) throw error;
        stages.fail(describeError(error));
      }
    }
  } catch (error) {
    const why = describeError(error);
    stages.fail(why);
    return { kind: "failed", why };
  }
}

async function deliver(job: Job, release: Release, action: Delivery, attempt: number): Promise<Outcome> {
  if (action === "stage") {
    const { activator } = await job.session.line();
    await activator.stage(release.path, terms(job, release));
    return { kind: "staged", release: release.path };
  }
  if (action === "dry-activate") {
    await job.stages.within("activate", () => dryActivate(job, release));
    return { kind: "previewed", release: release.path };
  }
  // From here on the host decides for itself: an interruption only keeps other nodes from starting.
  job.interruption.throwIfAborted();
  return await activate(job, release, action, attempt);
}

/** Nothing keeps a release between its copy and its run: a garbage collection on the host may take it then. */
const wasCollected = (error: unknown) => error instanceof RefusedError && error.reason === "not-valid";

async function activate(
  job: Job,
  release: Release,
  action: "test" | "switch" | "boot",
  attempt: number,
): Promise<Outcome> {
  const { request, session, stages } = job;
  const run = `${request.deployment}-${job.serial}${attempt === 1 ? "" : `-${attempt}`}`;
  const log = lineSplitter((line) => job.log("activation", line));
  try {
    const asked = {
      run,
      release: release.path,
      action,
      rollback: job.node.rollback.enable,
      reboot: REBOOT[request.reboot],
      mayReboot: job.node.reboot.allow,
      ...terms(job, release),
      allowFailedUnits: job.node.activation.allowFailedUnits,
      actor: request.actor,
    };
    const status = await whenUnlocked(() => carryOut(session, asked, stages, log.push), {
      seconds: request.lockWait,
      signal: job.interruption,
      say: (line) => stages.say(line),
    });
    log.end();
    warnOfFailedUnits(job, status);
    const outcome = await verdict(session, status, { timeoutMs: LOOK_MS, profile: release.profile });
    stages.leave();
    if (outcome.kind === "rolled-back") job.emit({ type: "snapped-back", node: job.node.name, why: outcome.why });
    return outcome;
  } catch (error) {
    if (!(error instanceof LostSight)) throw error;
    const outcome = lostSight(session, run, error);
    stages.fail(outcome.why);
    return outcome;
  }
}

/** They were allowed to fail, or did when the host was confirmed already. */
function warnOfFailedUnits({ node, emit }: Job, { state, newlyFailed }: RunStatus): void {
  if (state !== "committed" || !newlyFailed?.length) return;
  const message = `${node.name}: units fail that did not fail before: ${newlyFailed.join(", ")}`;
  emit({ type: "notice", level: "warning", message });
}

const terms = ({ request, node }: Job, { profile }: Release) => ({
  profile,
  anyHost: request.allowHostNameChange,
  requireSignature: node.requireSignature,
});

async function dryActivate(job: Job, release: Release): Promise<void> {
  const { activator } = await job.session.line();
  const log = lineSplitter((line) => {
    // The closing answer is the protocol's, not the system's.
    if (line !== "" && !line.startsWith('{"protocol":')) job.log("activation", line);
  });
  await activator.dryActivate(release.path, terms(job, release), log.push);
  log.end();
}
