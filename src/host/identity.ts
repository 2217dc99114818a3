/** Which keys are offered to a host, in ssh's own order, and why others are not. */
import { readFile } from "node:fs/promises";
import ssh2, { BaseAgent, createAgent, type IdentityCallback, type ParsedKey } from "ssh2";
import { runLocal } from "../process.ts";
import type { Destination } from "./destination.ts";

export interface Identity {
  /** For messages: where the key is. */
  readonly label: string;
  readonly how: { readonly agent: BaseAgent<ParsedKey> } | { readonly key: ParsedKey };
}

export interface Identities {
  readonly offers: readonly Identity[];
  /** One line for each key that cannot be offered. */
  readonly skipped: readonly string[];
}

interface KeyFile {
  readonly path: string;
  /** What an agent knows the key by; undefined where only the passphrase could tell. */
  readonly blob: Buffer | undefined;
  readonly key: ParsedKey | undefined;
  readonly why: string | undefined;
}

const USABLE = new Set(["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"]);

/**
 * As ssh does (sshconnect2.c, pubkey_prepare): first the agent's keys that a file names, then, unless IdentitiesOnly, the
 * agent's others, then the files that the agent does not have.
 */
export async function findIdentities(destination: Destination): Promise<Identities> {
  const files = (await Promise.all(destination.identityFiles.map(readKeyFile))).filter((file) => file !== undefined);
  const skipped = destination.certificateFiles.map((path) => `${path}: bungee cannot log in with certificates`);
  const agent = destination.agent === undefined ? undefined : createAgent(destination.agent);
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
    else skipped.push(`${file.path}: ${file.why}`);
  }
  return { offers, skipped };
}

/** The agent's keys that ssh2 cannot use, for the error after a failed login: ssh2 passes over them in silence. */
export async function unusableAgentKeys(destination: Destination): Promise<string[]> {
  if (destination.agent === undefined) return [];
  const list = await runLocal({ argv: ["ssh-add", "-L"] }, { env: { SSH_AUTH_SOCK: destination.agent } });
  if (list.code !== 0) return [];
  return list.stdout.split("\n").flatMap((line) => {
    const [type, , ...comment] = line.split(" ");
    return type && !USABLE.has(type) ? [`agent: ${comment.join(" ")}: bungee cannot use keys of type ${type}`] : [];
  });
}

/** undefined where there is no such file, as most of ssh's default ones are not. */
async function readKeyFile(path: string): Promise<KeyFile | undefined> {
  const text = await readFile(path).catch((error: NodeJS.ErrnoException) => error);
  if (text instanceof Error) {
    return text.code === "ENOENT" ? undefined : { path, blob: undefined, key: undefined, why: text.message };
  }
  const parsed = ssh2.utils.parseKey(text);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key !== undefined && !(key instanceof Error)) {
    const why = key.isPrivateKey() ? undefined : "a public key, whose private key is not in the agent";
    return { path, blob: key.getPublicSSH(), key: why ? undefined : key, why };
  }
  const { type, encrypted } = peek(text.toString("latin1"));
  const blob = await publicHalf(path);
  if (encrypted)
    return { path, blob, key: undefined, why: `has a passphrase, and is not in the agent: ssh-add ${path}` };
  if (type && !USABLE.has(type)) return { path, blob, key: undefined, why: `bungee cannot use keys of type ${type}` };
  return { path, blob, key: undefined, why: key?.message ?? "cannot be read" };
}

async function publicHalf(path: string): Promise<Buffer | undefined> {
  const text = await readFile(`${path}.pub`, "utf8").catch(() => "");
  const base64 = text.split(/\s+/)[1];
  return base64 ? Buffer.from(base64, "base64") : undefined;
}

/** What a private key shows without its passphrase: OpenSSH's own format has cipher and public key in the clear. */
function peek(text: string): { type: string | undefined; encrypted: boolean } {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(text)?.[1];
  if (body === undefined) return { type: undefined, encrypted: /ENCRYPTED/.test(text) };
  const data = Buffer.from(body, "base64");
  let at = "openssh-key-v1\0".length;
  const next = () => {
    const length = at + 4 <= data.length ? data.readUInt32BE(at) : 0;
    at += 4 + length;
    return data.subarray(at - length, at);
  };
  const cipher = next().toString("latin1");
  next();
  next();
  at += 4 + 4;
  return { type: next().toString("latin1"), encrypted: cipher !== "none" };
}

function listAgent(agent: BaseAgent | undefined): Promise<ParsedKey[]> {
  if (agent === undefined) return Promise.resolve([]);
  return new Promise((resolve, reject) => {
    agent.getIdentities((error, keys) => {
      if (error) reject(error);
      else resolve(((keys ?? []) as ParsedKey[]).filter((key) => USABLE.has(key.type)));
    });
  });
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
