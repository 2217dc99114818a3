/** The proof that a host can be reached and is well after its activation: a fresh connection, tried again until the deadline. */
import { RefusedError, UnhealthyError } from "../errors.ts";
import { Health } from "./health.ts";
import { askOn } from "./probe.ts";
import { isPassing, type Session } from "./session.ts";
import { ANSWER_MS, unlessSilent } from "./silence.ts";

/** Of the time there is, the last part is for telling the host that it is not well, before it goes back without knowing why. */
const LAST_PART = 0.1;
const LAST_PART_MS = 1000;

/**
 * Confirms a run on a connection opened for it, which then becomes the session's own, once the node's health checks are all well.
 * Returns when the host took it, when it was called off since the host is not well, when the host has ended the run meanwhile, or when
 * the time is over: the run's status tells, and the session what was in the way.
 */
export async function confirm(
  session: Session,
  run: string,
  token: string,
  say: (line: string) => void,
): Promise<void> {
  const { timeout, retryEvery } = session.node.confirmation;
  const deadline = performance.now() + timeout * 1000;
  const wellBy = deadline - Math.min(LAST_PART_MS, timeout * 1000 * LAST_PART);
  const health = new Health(session.node.healthChecks, say);
  for (;;) {
    const began = performance.now();
    try {
      const line = await session.fresh({ by: deadline });
      await session.adopt(line);
      await health.untilWell(askOn(line, run, token), wellBy);
      await unlessSilent(ANSWER_MS, (options) => line.activator.confirm(run, token, options));
      return;
    } catch (error) {
      if (error instanceof UnhealthyError) return await callOff(session, run, token, error, deadline);
      if (error instanceof RefusedError && error.reason === "too-late") {
        if (health.complaint) session.note(health.complaint);
        return;
      }
      if (!(error instanceof RefusedError) && !isPassing(error)) throw error;
      session.note(error);
      if (!(await session.patience.untilNextTry({ began, deadline, every: retryEvery * 1000 }))) return;
    }
  }
}

/** The host goes back at once. If it cannot be told, it does so when its time is over. */
async function callOff(session: Session, run: string, token: string, error: UnhealthyError, deadline: number) {
  try {
    await session.insist(deadline, (activator) =>
      unlessSilent(ANSWER_MS, (options) => activator.abort(run, token, "unhealthy", error.message, options)),
    );
  } catch (failure) {
    if (!(failure instanceof RefusedError) && !isPassing(failure)) throw failure;
  }
  session.note(error);
}
