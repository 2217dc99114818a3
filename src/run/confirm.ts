/** The proof that a host can be reached after its activation: a fresh connection, tried again and again until the deadline. */
import { RefusedError } from "../errors.ts";
import { pause } from "./clock.ts";
import { isPassing, type Session } from "./session.ts";

/** One try may take this long: a firewall that drops silently must not eat all the time there is. */
const TRY_MS = 5000;

/**
 * Confirms a run on a connection opened for it, which then becomes the session's own. Returns when the host took it, when the
 * host has ended the run meanwhile, or when the time is over: the run's status tells, and the session what was in the way.
 */
export async function confirm(session: Session, run: string, token: string): Promise<void> {
  const { timeout, retryEvery } = session.node.confirmation;
  const deadline = performance.now() + timeout * 1000;
  for (;;) {
    const began = performance.now();
    try {
      const line = await session.fresh({ timeoutMs: Math.min(TRY_MS, Math.max(deadline - began, 1000)) });
      await session.adopt(line);
      await line.activator.confirm(run, token);
      return;
    } catch (error) {
      if (error instanceof RefusedError && error.reason === "too-late") return;
      if (!(error instanceof RefusedError) && !isPassing(error)) throw error;
      session.note(error);
      const next = began + retryEvery * 1000;
      if (next > deadline) return;
      await pause(Math.max(0, next - performance.now()));
    }
  }
}
