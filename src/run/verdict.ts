/** From what the host says of a run to what the operator does next. */

import type { Facts, RunStatus } from "../activator/protocol.ts";
import type { Profile } from "../fleet/node.ts";
import type { LostSight } from "./carry-out.ts";
import type { Outcome } from "./outcome.ts";
import { reason } from "./reason.ts";
import { named } from "./release.ts";
import { isPassing, type Session } from "./session.ts";
import { ANSWER_MS, unlessSilent } from "./silence.ts";

const LOOK_EVERY_MS = 500;

interface Sight {
  readonly timeoutMs: number;
  /** What was deployed; null: the system. */
  readonly profile: Profile | null;
}

/** Looks at a host that went back over a fresh connection, so that what is reported was seen. */
export async function verdict(session: Session, status: RunStatus, sight: Sight): Promise<Outcome> {
  switch (status.state) {
    case "committed":
      return {
        kind: "confirmed",
        release: status.release,
        ...(status.reboot ? { rebooted: true } : {}),
        ...named(sight.profile),
      };
    case "cancelled":
      return { kind: "failed", why: reason(session, status, "nothing was touched") };
    case "rolled-back": {
      const seen = await look(session, sight);
      const doubts =
        seen === null ? ["the host could not be asked over a fresh connection"] : differences(seen, status, sight);
      const restored = seen?.now ?? status.recorded;
      const verified = doubts.length === 0;
      return {
        kind: "rolled-back",
        why: reason(session, status),
        restored,
        verified,
        doubts,
        ...named(sight.profile),
      };
    }
    default:
      return {
        kind: "unknown",
        why: reason(
          session,
          status,
          status.state === "kept" ? "rollback was off: it was left as it is" : "the way back failed",
        ),
        lastSeen: sight.profile
          ? `profile ${sight.profile.name} leads to ${status.now?.profile ?? "nothing"}`
          : `running ${status.now?.running}, would boot ${status.now?.bootDefault ?? status.now?.profile}`,
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

/** How the host is, over a connection opened now; null when it cannot be asked. */
async function look(session: Session, { timeoutMs, profile }: Sight): Promise<Facts | null> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const began = performance.now();
    try {
      await session.adopt(await session.fresh({ by: deadline }));
      const { activator } = await session.line();
      return await unlessSilent(ANSWER_MS, (options) => activator.facts(profile, options));
    } catch (error) {
      if (!isPassing(error)) return null;
      if (!(await session.patience.untilNextTry({ began, deadline, every: LOOK_EVERY_MS }))) return null;
    }
  }
}

/** What is not as it was before the run. */
function differences({ now, failedUnits }: Facts, status: RunStatus, { profile }: Sight): string[] {
  const { recorded, why, newlyFailed } = status;
  // A system that was only being tested when the run began does not outlive a reset; what was recorded as boot default does.
  const running = now.running === recorded.running || (why === "host-reset" && now.running === recorded.bootDefault);
  const broken = failedUnits.filter((unit) => newlyFailed?.includes(unit));
  if (profile !== null) {
    // What runs of it nobody can look up; that the activation of the recorded one ended well, the activator has said.
    const leads = `profile ${profile.name} leads to ${now.profile ?? "nothing"}, and led to ${recorded.profile ?? "nothing"}`;
    return [...(now.profile === recorded.profile ? [] : [leads]), ...doubtsOf(broken)];
  }
  return [
    ...(running ? [] : [`it runs ${now.running}, and ran ${recorded.running}`]),
    ...(now.profile === recorded.profile ? [] : [`its profile is ${now.profile}, and was ${recorded.profile}`]),
    ...(now.bootDefault === recorded.bootDefault
      ? []
      : [`it would boot ${now.bootDefault}, and would have booted ${recorded.bootDefault}`]),
    ...doubtsOf(broken),
  ];
}

const doubtsOf = (broken: readonly string[]) =>
  broken.length === 0 ? [] : [`units fail that did not fail before: ${broken.join(", ")}`];

function howToLook(session: Session, run: string): string {
  const { user, addresses } = session.node;
  return `ssh ${user ? `${user}@` : ""}${addresses[0]} sudo tail -n 50 /var/lib/bungee/runs/${run}/log /var/lib/bungee/history`;
}
