/** Which keys are offered to a host, in ssh's own order, and why others are not. */
import type { Socket } from "node:net";
import ssh2, { BaseAgent, type GetStreamCallback, type IdentityCallback, type ParsedKey } from "ssh2";
import { runLocal } from "../../process.ts";
import type { Destination } from "../destination.ts";
import { type KeyFile, readKeyFile, USABLE_KEYS } from "../key-file.ts";
import type { Secrets } from "../secrets.ts";

export interface Identity {
  /** For messages: where the key is. */
  readonly label: string;
  readonly how: { readonly agent: BaseAgent<ParsedKey> } | { readonly key: ParsedKey } | Locked;
}

/** A file whose passphrase is asked for when the host would take its key; at once, where the file does not say what key it is. */
export interface Locked {
  readonly locked: string;
  readonly publicKey: ParsedKey | undefined;
}

/** Thrown by a login that needs this file's passphrase: a person should not have to hurry because a host waits. */
export class LockedKey extends Error {
  readonly path: string;

  constructor(path: string) {
    super(`${path} has a passphrase`);
    this.path = path;
  }
}

/** To list its keys, which needs nobody's consent. */
const AGENT_MS = 3000;

export interface Identities {
  readonly offers: readonly Identity[];
  /** One line for each key that cannot be offered. */
  readonly skipped: readonly string[];
}

/**
 * As ssh does (sshconnect2.c, pubkey_prepare): first the agent's keys that a file names, then, unless IdentitiesOnly, the
 * agent's others, then the files that the agent does not have.
 */
export async function findIdentities(destination: Destination, secrets?: Secrets): Promise<Identities> {
  const read = await Promise.all(destination.identityFiles.map((path) => readKeyFile(path, secrets)));
  const files = read.filter((file) => file !== undefined);
  const skipped = destination.certificateFiles.map((path) => `${path}: ssh2 cannot log in with certificates`);
  const agent = destination.agent === undefined ? undefined : new PatientAgent(destination.agent);
  const held = await listAgent(agent).catch((error: Error) => {
    skipped.push(`agent at ${destination.agent}: ${error.message}`);
    return [];
  });
  const named = held.filter((key) => files.some((file) => file.blob?.equals(key.getPublicSSH())));
  const others = destination.identitiesOnly ? [] : held.filter((key) => !named.includes(key));
  const offers = [...named, ...others].map<Identity>((key) => ({
    label: `agent: ${key.comment || key.type}`,
    how: { agent: new OneKeyAgent(agent!, key) },
  }));
  for (const file of files) {
    if (named.some((key) => file.blob?.equals(key.getPublicSSH()))) continue;
    if (file.key) offers.push({ label: file.path, how: { key: file.key } });
    else if (file.locked) offers.push({ label: file.path, how: lockedBy(file) });
    else skipped.push(`${file.path}: ${file.why}`);
  }
  return { offers, skipped };
}

/** The agent's keys that ssh2 cannot use, for the error after a failed login: ssh2 passes over them in silence. */
export async function unusableAgentKeys(destination: Destination): Promise<string[]> {
  if (destination.agent === undefined) return [];
  const options = { env: { SSH_AUTH_SOCK: destination.agent }, signal: AbortSignal.timeout(AGENT_MS) };
  const list = await runLocal({ argv: ["ssh-add", "-L"] }, options).catch(() => undefined);
  if (list?.code !== 0) return [];
  return list.stdout.split("\n").flatMap((line) => {
    const [type, , ...comment] = line.split(" ");
    return type && !USABLE_KEYS.has(type) ? [`agent: ${comment.join(" ")}: ssh2 cannot use keys of type ${type}`] : [];
  });
}

function lockedBy({ path, blob }: KeyFile): Locked {
  const type = blob?.subarray(4, 4 + blob.readUInt32BE(0)).toString("latin1");
  const parsed = blob && ssh2.utils.parseKey(`${type} ${blob.toString("base64")}`);
  return { locked: path, publicKey: parsed instanceof Error ? undefined : parsed };
}

function listAgent(agent: BaseAgent | undefined): Promise<ParsedKey[]> {
  if (agent === undefined) return Promise.resolve([]);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${AGENT_MS / 1000} s`)), AGENT_MS);
    agent.getIdentities((error, keys) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve(((keys ?? []) as ParsedKey[]).filter((key) => USABLE_KEYS.has(key.type)));
    });
  });
}

/** An agent that hangs must not keep bungee from its end. What it is asked to sign may wait for a person, as long as the login may. */
class PatientAgent extends ssh2.OpenSSHAgent {
  override getStream(done: GetStreamCallback): void {
    super.getStream((error, stream) => {
      (stream as Socket | undefined)?.unref();
      done(error, stream);
    });
  }
}

/** ssh2 tries all keys of an agent in a row; this one shows it a single key, so that the order stays ours. */
class OneKeyAgent extends BaseAgent<ParsedKey> {
  readonly #agent: BaseAgent;
  readonly #key: ParsedKey;

  constructor(agent: BaseAgent, key: ParsedKey) {
    super();
    this.#agent = agent;
    this.#key = key;
  }

  override getIdentities(done: IdentityCallback<ParsedKey>): void {
    done(undefined, [this.#key]);
  }

  override sign(...args: unknown[]): void {
    Reflect.apply(this.#agent.sign, this.#agent, args);
  }
}

/** Shows the public half of a locked key, and tells when the host would have the other one sign. */
export class LockedKeyAgent extends BaseAgent<ParsedKey> {
  readonly #key: ParsedKey;
  readonly #wanted: () => void;

  constructor(key: ParsedKey, wanted: () => void) {
    super();
    this.#key = key;
    this.#wanted = wanted;
  }

  override getIdentities(done: IdentityCallback<ParsedKey>): void {
    done(undefined, [this.#key]);
  }

  override sign(): void {
    this.#wanted();
  }
}
