/** Carries one release out on one host: begin, follow, confirm, and learn how it ended, whatever breaks on the way. */
import { randomBytes } from "node:crypto";
import type { BeginRequest } from "../activator/activator.ts";
import { isFinal, type RunState, type RunStatus } from "../activator/protocol.ts";
import { ConnectionLostError, RefusedError } from "../errors.ts";
import { confirm } from "./confirm.ts";
import type { Stage } from "./events.ts";
import { reason } from "./reason.ts";
import type { Session } from "./session.ts";
import { ANSWER_MS, unlessSilent } from "./silence.ts";
import type { Stages } from "./stages.ts";

/** Seconds beyond the timeouts that a host may take until it must have answered: the way back, and a reboot if it needs one. */
const GRACE = 180;
/**
 * The activator's heartbeat is due every other second at the latest. A keepalive would find out too, but after the confirmation's time
 * is over: a host that took a new address in its activation has to be looked for at once.
 */
const HEARTBEAT_MS = 4000;

/** `run`: [0-9a-z-], at most 64 characters. */
export type RunRequest = Omit<BeginRequest, "token" | "activationTimeout" | "confirmationTimeout">;

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
  const { activation, confirmation, reboot } = session.node;
  const token = randomBytes(24).toString("hex");
  const began = performance.now();
  stages.enter(request.action === "boot" && request.reboot === "no" ? "commit" : "activate");
  const patience = activation.timeout + confirmation.timeout + GRACE;
  let status = await begin(session, request, token, began + patience * 1000);
  const deadline = began + (patience + (status.reboot ? reboot.timeout : 0)) * 1000;
  const cursor = { offset: 0 };
  while (!isFinal(status.state)) {
    const { state } = status;
    try {
      stages.enter(stageOf(status));
      if (state === "awaiting-confirmation") await confirm(session, request.run, token, (line) => stages.say(line));
      status = await session.insist(deadline, (activator) =>
        unlessSilent(HEARTBEAT_MS, (options) => activator.follow(request.run, cursor, state, onLog, options)),
      );
      if (status.why !== null && state !== "rolling-back") stages.fail(reason(session, status));
    } catch (cause) {
      throw new LostSight(state, cause);
    }
  }
  return status;
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
      .insist(deadline, (again) => unlessSilent(ANSWER_MS, (options) => again.status(request.run, options)))
      .catch((cause) => {
        if (cause instanceof RefusedError && cause.reason === "no-such-run") throw error;
        throw new LostSight("beginning", cause);
      });
  }
}

function stageOf({ state, action, reboot }: RunStatus): Stage {
  switch (state) {
    case "rebooting":
      return "reboot";
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
      return action === "boot" && !reboot ? "commit" : "activate";
  }
}
