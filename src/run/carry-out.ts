/** Carries one release out on one host: begin, follow, confirm, and learn how it ended, whatever breaks on the way. */
import { randomBytes } from "node:crypto";
import { isFinal, type RunState, type RunStatus } from "../activator/protocol.ts";
import { ConnectionLostError, RefusedError } from "../errors.ts";
import { confirm } from "./confirm.ts";
import type { Stage } from "./events.ts";
import { reason } from "./reason.ts";
import type { Session } from "./session.ts";
import type { Stages } from "./stages.ts";

/** Seconds beyond the timeouts that a host may take until it must have answered: the way back, and a reboot if it needs one. */
const GRACE = 180;
/** The activator's heartbeat is due every other second at the latest. */
const SILENCE_MS = 4000;

export interface RunRequest {
  /** [0-9a-z-], at most 64 characters. */
  readonly run: string;
  readonly release: string;
  readonly action: "test" | "switch" | "boot";
  readonly rollback: boolean;
  readonly anyHost: boolean;
  readonly actor: string;
}

/** The run began, and then the host could not be asked any more. */
export class LostSight extends Error {
  readonly lastState: RunState;

  constructor(lastState: RunState, cause: unknown) {
    super(`the host has not answered since the run was ${lastState}`, { cause });
    this.lastState = lastState;
  }
}

/**
 * @returns how the run ended, as the host itself says
 * @throws LockedError | RefusedError | ConnectionLostError and other errors before the run began: nothing was touched.
 * @throws LostSight after it began
 */
export async function carryOut(
  session: Session,
  request: RunRequest,
  stages: Stages,
  onLog: (chunk: Buffer) => void,
): Promise<RunStatus> {
  const { activation, confirmation } = session.node;
  const token = randomBytes(24).toString("hex");
  const deadline = performance.now() + (activation.timeout + confirmation.timeout + GRACE) * 1000;
  stages.enter(stageOf("beginning", request.action));
  let status = await begin(session, request, token, deadline);
  const cursor = { offset: 0 };
  while (!isFinal(status.state)) {
    const { state } = status;
    try {
      stages.enter(stageOf(state, request.action));
      if (state === "awaiting-confirmation") await confirm(session, request.run, token);
      status = await session.insist(deadline, (activator) =>
        whileItBeats((options) => activator.follow(request.run, cursor, state, onLog, options)),
      );
      if (status.why !== null && state !== "rolling-back") stages.fail(reason(session, status));
    } catch (cause) {
      throw new LostSight(state, cause);
    }
  }
  return status;
}

/**
 * Gives a line up that has gone silent. A keepalive would find out too, but after the confirmation's time is over:
 * a host that took a new address in its activation has to be looked for at once.
 */
async function whileItBeats<T>(
  follow: (options: { signal: AbortSignal; onBeat: () => void }) => Promise<T>,
): Promise<T> {
  const silence = new AbortController();
  const giveUp = () =>
    silence.abort(new ConnectionLostError("the host has gone silent", { mend: "a new one is tried" }));
  const timer = setTimeout(giveUp, SILENCE_MS);
  try {
    return await follow({ signal: silence.signal, onBeat: () => timer.refresh() });
  } finally {
    clearTimeout(timer);
  }
}

/** The connection may break when the run has begun and its answer has not arrived: then the host is asked whether it did. */
async function begin(session: Session, request: RunRequest, token: string, deadline: number): Promise<RunStatus> {
  const { activation, confirmation } = session.node;
  const { activator } = await session.line();
  try {
    return await activator.begin({
      ...request,
      token,
      activationTimeout: activation.timeout,
      confirmationTimeout: confirmation.timeout,
    });
  } catch (error) {
    if (!(error instanceof ConnectionLostError)) throw error;
    return await session
      .insist(deadline, (again) => again.status(request.run))
      .catch((cause) => {
        if (cause instanceof RefusedError && cause.reason === "no-such-run") throw error;
        throw new LostSight("beginning", cause);
      });
  }
}

function stageOf(state: RunState, action: RunRequest["action"]): Stage {
  switch (state) {
    case "awaiting-confirmation":
      return "confirm";
    case "confirmed":
    case "committing":
      return "commit";
    case "aborting":
    case "rolling-back":
      return "roll-back";
    default:
      // boot has no activation: what it does is what a commit does.
      return action === "boot" ? "commit" : "activate";
  }
}
