/** What the activator says: one JSON line per verb. The other side is `activator.sh`. */
import { z } from "zod";
import { LockedError, ProtocolError, RefusedError } from "../errors.ts";
import type { Finished } from "../process.ts";

const PROTOCOL = 1;

const path = z.string().nullable();

const triple = z.object({ running: path, profile: path, bootDefault: path });

const state = z.enum([
  "beginning",
  "activating",
  "awaiting-confirmation",
  "aborting",
  "confirmed",
  "committing",
  "committed",
  "rolling-back",
  "rolled-back",
  "rollback-failed",
  "kept",
  "cancelled",
]);
export type RunState = z.infer<typeof state>;

const FINAL: readonly RunState[] = ["committed", "rolled-back", "rollback-failed", "kept", "cancelled"];
export const isFinal = (state: RunState): boolean => FINAL.includes(state);

const lock = z.object({
  run: z.string(),
  state: z.string().nullable(),
  actor: z.string().nullable(),
  since: z.string().nullable(),
  /** false: the host was reset since; the next run closes it. */
  sameBoot: z.boolean(),
});

export const factsSchema = z.object({
  hostName: z.string().nullable(),
  bootId: z.string(),
  nixVersion: z.string().nullable(),
  now: triple,
  booted: path,
  failedUnits: z.array(z.string()),
  lock: lock.nullable(),
  storeFreeBytes: z.number(),
  stateFreeBytes: z.number(),
  upSeconds: z.number(),
});
export type Facts = z.infer<typeof factsSchema>;

export const statusSchema = z.object({
  run: z.string(),
  state,
  action: z.string(),
  release: z.string(),
  /** kebab-case; why the run is not committed. */
  why: z.string().nullable(),
  message: z.string().nullable(),
  recorded: triple,
  /** null until the run has ended. */
  now: triple.nullable(),
});
export type RunStatus = z.infer<typeof statusSchema>;

export const releaseSchema = z.object({ release: z.string(), exitCode: z.number().optional() });

const refusal = z.object({ error: z.string(), message: z.string() });

/** The last line that is the protocol's; what a login shell or a motd printed before it is noise. */
const ANSWER = /^\{"protocol":(\d+),.*\}$/;

/**
 * Reads a verb's answer.
 * @throws LockedError | RefusedError as the activator says; ProtocolError when it did not get to speak
 */
export function parseAnswer<T>(schema: z.ZodType<T>, verb: string, finished: Finished): T {
  const line = finished.stdout
    .trimEnd()
    .split("\n")
    .findLast((text) => ANSWER.test(text));
  if (line === undefined) throw silence(verb, finished);
  const spoken = Number(ANSWER.exec(line)![1]);
  if (spoken !== PROTOCOL) {
    throw new ProtocolError(`the activator on the host speaks protocol ${spoken}, this bungee speaks ${PROTOCOL}`, {
      mend: "deploy with the bungee of the host's version, or update the host's bungee module",
    });
  }
  const json = parseJson(line, verb);
  const refused = refusal.safeParse(json);
  if (refused.success) throw refusalError(refused.data.error, refused.data.message);
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    throw new ProtocolError(`the activator's answer to ${verb} is not what it should be`, {
      mend: "report this, with the output of --verbose",
      detail: `${z.prettifyError(parsed.error)}\n${line.slice(0, 2000)}`,
    });
  }
  return parsed.data;
}

function parseJson(line: string, verb: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new ProtocolError(`the activator's answer to ${verb} is not JSON`, {
      mend: "report this, with the output of --verbose",
      detail: line.slice(0, 2000),
      cause,
    });
  }
}

const MENDS: Readonly<Record<string, string>> = {
  "not-valid": "the copy did not arrive; deploy again",
  "not-nixos": "a node's toplevel must be a NixOS system: look at config.system.build.toplevel",
  "not-nixos-host": "install NixOS on the host first; bungee only moves from one system to the next",
  "other-host": "deploy the system to its own host; a host that gets a new name needs --allow-host-name-change",
  "state-directory": "make room on the host (nix-collect-garbage, journalctl --vacuum-size=100M), then deploy again",
  switching: "wait until it is done, then deploy again",
  systemd: "look at the host's systemd: systemctl status",
};

/** `error` of an answer as the error it is to a person. */
function refusalError(code: string, message: string): LockedError | RefusedError {
  if (code === "locked") {
    return new LockedError(message, { mend: "wait until that run is over; bungee releases a dead one by itself" });
  }
  return new RefusedError(message, { mend: MENDS[code] ?? "see the message", reason: code });
}

function silence(verb: string, finished: Finished): ProtocolError {
  const ended = finished.signal ? `by signal ${finished.signal}` : `with exit code ${finished.code}`;
  return new ProtocolError(`the activator did not answer to ${verb}; it ended ${ended}`, {
    mend: "try the command by hand over ssh; the host needs /bin/sh, coreutils, systemd and nix",
    detail: `${finished.stderr}${finished.stdout}`.trim().slice(-2000),
  });
}
