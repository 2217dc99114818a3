/** What the activator says: one JSON line per verb. The other side is the script in `host/`. */
import { z } from "zod";
import { LockedError, ProtocolError, RefusedError } from "../errors.ts";
import type { Finished } from "../process.ts";

const PROTOCOL = 2;
/** Of what a host says, that much is shown. */
const LONGEST_MESSAGE = 1000;
/** How the activator's `refuse` ends; with 65 for every other error. */
const EXIT_CODES = new Map([
  ["usage", 64],
  ["no-such-run", 66],
  ["locked", 75],
]);

const path = z.string().nullable();

/** Of a profile besides the system: running and profile are what its link leads to; it has no boot. */
const triple = z.object({ running: path, profile: path, bootDefault: path });

const state = z.enum([
  "beginning",
  "activating",
  "rebooting",
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
  /** Kernel, initrd or modules of what runs are others than those that were booted. */
  rebootPending: z.boolean(),
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
  /** What is carried out: a switch that turned out to need a reboot is a boot. */
  action: z.enum(["test", "switch", "boot"]),
  /** The host is rebooted on the way. */
  reboot: z.boolean(),
  release: z.string(),
  /** kebab-case; why the run is not committed. */
  why: z.string().nullable(),
  message: z.string().nullable(),
  recorded: triple,
  /** null until the run has ended. */
  now: triple.nullable(),
  /** Units that fail and did not when the run began; null until the run has ended. */
  newlyFailed: z.array(z.string()).nullable(),
});
export type RunStatus = z.infer<typeof statusSchema>;

/** What one try of a health check found. */
export const foundSchema = z.object({ ok: z.boolean(), message: z.string(), output: z.array(z.string()) });
export type Found = z.infer<typeof foundSchema>;

export const releaseSchema = z.object({ release: z.string(), exitCode: z.number().optional() });

/** What was built on the host, where the deployer cannot look. */
export const unwrappedSchema = z.object({ release: z.string(), profile: z.boolean() });
export type Unwrapped = z.infer<typeof unwrappedSchema>;

const refusal = z.object({
  error: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  message: z.string().transform((message) => message.slice(0, LONGEST_MESSAGE)),
});

// "s": a name may hold a line separator of Unicode, which "." else refuses.
const ANSWER = /^\{"protocol":(\d+),.*\}$/s;

/**
 * Reads a verb's answer.
 * @throws LockedError | RefusedError as the activator says; ProtocolError when it did not get to speak
 */
export function parseAnswer<T>(schema: z.ZodType<T>, verb: string, finished: Finished): T {
  const line = lastAnswer(finished.stdout);
  if (line === undefined) throw silence(verb, finished);
  const spoken = Number(ANSWER.exec(line)![1]);
  if (spoken !== PROTOCOL) {
    throw new ProtocolError(`the activator on the host speaks protocol ${spoken}, this bungee speaks ${PROTOCOL}`, {
      mend: "deploy with the bungee of the host's version, or update the host's bungee module",
    });
  }
  const json = parseJson(line, verb);
  const refused = refusal.safeParse(json);
  // What a system prints while it is activated may look like an answer: the activator's own agrees with how it ended.
  if (finished.code !== (refused.success ? (EXIT_CODES.get(refused.data.error) ?? 65) : 0))
    throw silence(verb, finished);
  if (refused.success) throw refusalError(refused.data.error, refused.data.message);
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    throw new ProtocolError(`the activator's answer to ${verb} is not what it should be`, {
      mend: "report this, with the output of --verbose",
      detail: `${z.prettifyError(parsed.error).slice(0, 2000)}\n${line.slice(0, 2000)}`,
    });
  }
  return parsed.data;
}

/** Whether the other side let the activator speak. */
export const isAnswered = (finished: Finished): boolean => lastAnswer(finished.stdout) !== undefined;

/** Whether a deploy user's gate refused what was sent. The activator itself has this word only for those who came through a gate. */
export const isGate = (finished: Finished): boolean =>
  finished.code === 65 && (lastAnswer(finished.stdout)?.includes('"error":"restricted"') ?? false);

/** The last line that is the protocol's; what a login shell or a motd printed before it is noise. */
function lastAnswer(stdout: string): string | undefined {
  // From its end, line by line: there may be megabytes of log before it.
  for (let end = stdout.length; end > 0; ) {
    const start = stdout.lastIndexOf("\n", end - 1) + 1;
    const line = stdout.slice(start, end).trimEnd();
    if (ANSWER.test(line)) return line;
    end = start - 1;
  }
  return undefined;
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
  "no-boot": "deploy it with --action switch or test",
  "no-such-user":
    "create the user first (users.users, in the host's configuration), or set another one for this profile",
  "not-a-profile": "set another path for this profile, or move away by hand what is there",
  "not-activatable": "make it with an activate function of deploy-rs, such as activate.custom or activate.home-manager",
  "not-signed":
    "sign it before it is deployed (nix store sign --recursive --key-file …), with a key of the host's nix.settings.trusted-public-keys",
  restricted: "log in as somebody else (user, identityFile) for what a deploy user may not do",
  "may-not-reboot": "leave out --reboot, or set bungee.reboot.allow of the node",
  "no-one-shot":
    "deploy with --action boot and reboot the host yourself; or with --no-rollback, unprotected; systemd-boot and GRUB can start a system once",
  "state-directory": "make room on the host (nix-collect-garbage, journalctl --vacuum-size=100M), then deploy again",
  switching: "wait until it is done, then deploy again",
  systemd: "look at the host's systemd: systemctl status",
};

/** `error` of an answer as the error it is to a person. */
function refusalError(code: string, message: string): LockedError | RefusedError {
  if (code === "locked") {
    return new LockedError(message, { mend: "wait until that run is over; bungee releases a dead one by itself" });
  }
  // The host chooses the word: "constructor" has no mend here, either.
  const mend = Object.hasOwn(MENDS, code) ? MENDS[code] : undefined;
  return new RefusedError(message, { mend: mend ?? "see the message", reason: code });
}

function silence(verb: string, finished: Finished): ProtocolError {
  const ended = finished.signal ? `by signal ${finished.signal}` : `with exit code ${finished.code}`;
  return new ProtocolError(`the activator did not answer to ${verb}; it ended ${ended}`, {
    mend: "try the command by hand over ssh; the host needs /bin/sh, coreutils, systemd and nix",
    detail: `${finished.stderr}${finished.stdout}`.trim().slice(-2000),
  });
}
