/** The way of one release to one host: build → copy → activate → confirm → commit, or back again. */
import { describeError } from "../errors.ts";
import { carryOut, LostSight } from "./carry-out.ts";
import { copyToHost } from "./copy.ts";
import type { Job } from "./job.ts";
import { lineSplitter } from "./log-lines.ts";
import type { Outcome } from "./outcome.ts";
import { lostSight, verdict } from "./verdict.ts";

const LOOK_MS = 20_000;

export async function pipeline(job: Job): Promise<Outcome> {
  const { request, session, stages } = job;
  const { action, allowHostNameChange } = request;
  try {
    const { outPath: release } = await stages.within("build", () => job.build());
    if (action === "build") return { kind: "staged", release };

    await stages.within("copy", () => copyToHost(job, release));
    if (action === "stage") {
      const { activator } = await session.line();
      await activator.stage(release, allowHostNameChange);
      return { kind: "staged", release };
    }
    if (action === "dry-activate") {
      await stages.within("activate", () => dryActivate(job, release));
      return { kind: "previewed", release };
    }
    // From here on the host decides for itself: an interruption only keeps other nodes from starting.
    job.interruption.throwIfAborted();
    return await activate(job, release, action);
  } catch (error) {
    const why = describeError(error);
    stages.fail(why);
    return { kind: "failed", why };
  }
}

async function activate(job: Job, release: string, action: "test" | "switch" | "boot"): Promise<Outcome> {
  const { request, session, stages } = job;
  const run = `${request.deployment}-${job.serial}`;
  const log = lineSplitter((line) => job.log("activation", line));
  try {
    const status = await carryOut(
      session,
      {
        run,
        release,
        action,
        rollback: job.node.rollback.enable,
        anyHost: request.allowHostNameChange,
        actor: request.actor,
      },
      stages,
      log.push,
    );
    log.end();
    const outcome = await verdict(session, status, { timeoutMs: LOOK_MS });
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

async function dryActivate(job: Job, release: string): Promise<void> {
  const { activator } = await job.session.line();
  const log = lineSplitter((line) => {
    // The closing answer is the protocol's, not the system's.
    if (!line.startsWith('{"protocol":')) job.log("activation", line);
  });
  await activator.dryActivate(release, job.request.allowHostNameChange, log.push);
  log.end();
}
