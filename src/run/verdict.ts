/** From what the host says of a run to what the operator does next. */

import type { RunStatus } from "../activator/protocol.ts";
import type { LostSight } from "./carry-out.ts";
import { pause } from "./clock.ts";
import type { Outcome, Triple } from "./outcome.ts";
import { reason } from "./reason.ts";
import { isPassing, type Session } from "./session.ts";

/** Looks at a host that went back over a fresh connection, so that what is reported was seen. */
export async function verdict(session: Session, status: RunStatus, sight: { timeoutMs: number }): Promise<Outcome> {
  switch (status.state) {
    case "committed":
      return { kind: "confirmed", release: status.release };
    case "cancelled":
      return { kind: "failed", why: reason(session, status, "nothing was touched") };
    case "rolled-back": {
      const seen = await look(session, sight.timeoutMs);
      const restored = seen ?? status.recorded;
      return {
        kind: "rolled-back",
        why: reason(session, status),
        restored,
        verified: seen !== null && same(seen, status),
      };
    }
    default:
      return {
        kind: "unknown",
        why: reason(session, status, status.state === "kept" ? "rollback was off" : "the way back failed"),
        lastSeen: `running ${status.now?.running}, would boot ${status.now?.bootDefault ?? status.now?.profile}`,
        howToLook: howToLook(session, status.run),
      };
  }
}

export function lostSight(session: Session, run: string, error: LostSight): Extract<Outcome, { kind: "unknown" }> {
  const { cause } = error;
  return {
    kind: "unknown",
    why: {
      code: "lost-sight",
      message: error.message,
      mend: "look at the host as soon as it can be reached; unconfirmed, it goes back by itself",
      ...(cause instanceof Error ? { detail: cause.message } : {}),
    },
    lastSeen: `run ${run} was ${error.lastState}`,
    howToLook: howToLook(session, run),
  };
}

/** What runs and would boot, over a connection opened now; null when the host cannot be asked. */
async function look(session: Session, timeoutMs: number): Promise<Triple | null> {
  const deadline = performance.now() + timeoutMs;
  do {
    try {
      await session.adopt(await session.fresh({ timeoutMs: Math.max(1000, deadline - performance.now()) }));
      const { activator } = await session.line();
      return (await activator.facts()).now;
    } catch (error) {
      if (!isPassing(error)) return null;
      await pause(500);
    }
  } while (performance.now() < deadline);
  return null;
}

function same(seen: Triple, { recorded, why }: RunStatus): boolean {
  // A system that was only being tested when the run began does not outlive a reset; what was recorded as boot default does.
  const running = seen.running === recorded.running || (why === "host-reset" && seen.running === recorded.bootDefault);
  return running && seen.profile === recorded.profile && seen.bootDefault === recorded.bootDefault;
}

function howToLook(session: Session, run: string): string {
  const { user, addresses } = session.node;
  return `ssh ${user ? `${user}@` : ""}${addresses[0]} sudo tail -n 50 /var/lib/bungee/runs/${run}/log /var/lib/bungee/history`;
}
