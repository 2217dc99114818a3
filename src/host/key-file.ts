/** A private key in a file: what it shows without its passphrase, and what it becomes with it. */
import { createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import ssh2, { type ParsedKey } from "ssh2";
import type { Secrets } from "./secrets.ts";

export interface KeyFile {
  readonly path: string;
  /** What an agent and a host know the key by; undefined where only the passphrase could tell. */
  readonly blob: Buffer | undefined;
  readonly key: ParsedKey | undefined;
  /** A person may know the passphrase. */
  readonly locked: boolean;
  /** Why there is no key. */
  readonly why: string | undefined;
}

export const USABLE_KEYS: ReadonlySet<string> = new Set([
  "ssh-ed25519",
  "ssh-rsa",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
]);

/** Keys that were unlocked: to try a passphrase takes a second of computing, which every connection would need. */
const unlocked = new WeakMap<Secrets, Map<string, ParsedKey>>();

/** undefined where there is no such file, as most of ssh's default ones are not. */
export async function readKeyFile(path: string, secrets?: Secrets): Promise<KeyFile | undefined> {
  const text = await readFile(path).catch((error: NodeJS.ErrnoException) => error);
  if (text instanceof Error) {
    return text.code === "ENOENT"
      ? undefined
      : { path, blob: undefined, key: undefined, locked: false, why: text.message };
  }
  const key = (secrets && unlocked.get(secrets)?.get(path)) ?? parse(text);
  if (!(key instanceof Error)) {
    const why = key.isPrivateKey() ? undefined : "a public key, whose private key is not in the agent";
    return { path, blob: key.getPublicSSH(), key: why ? undefined : key, locked: false, why };
  }
  const { type, blob = await publicHalf(path), encrypted } = peek(text.toString("latin1"));
  if (type && !USABLE_KEYS.has(type))
    return { path, blob, key: undefined, locked: false, why: `ssh2 cannot use keys of type ${type}` };
  if (!encrypted) return { path, blob, key: undefined, locked: false, why: key.message };
  const locked = secrets?.interactive === true && !secrets.usedUp(path);
  const why = secrets?.usedUp(path)
    ? "has a passphrase, and the ones given were wrong"
    : `has a passphrase, and is not in the agent: ssh-add ${path}`;
  return { path, blob, key: undefined, locked, why };
}

/** Whether a passphrase that opens the key was given: `secrets` has it at hand. */
export function isUnlocked(path: string, secrets: Secrets): boolean {
  return unlocked.get(secrets)?.has(path) ?? false;
}

/** Has a person asked for the passphrase of a key file, once for all hosts. Whether it helped shows when the file is read again. */
export async function unlock(path: string, secrets: Secrets): Promise<void> {
  const text = await readFile(path);
  const keys = unlocked.get(secrets) ?? new Map<string, ParsedKey>();
  unlocked.set(secrets, keys);
  const opens = (passphrase: Buffer) => {
    const key = parse(text, passphrase);
    if (key instanceof Error) return false;
    keys.set(path, key);
    return true;
  };
  const passphrase = await secrets.passphrase(path, opens);
  // It may have been given for an ssh that could not tell us whether it is right.
  if (passphrase !== undefined && !keys.has(path) && !opens(passphrase)) await secrets.wrong(path, passphrase);
}

function parse(text: Buffer, passphrase?: Buffer): ParsedKey | Error {
  try {
    const parsed = ssh2.utils.parseKey(fromPkcs8(text, passphrase) ?? text, passphrase);
    return Array.isArray(parsed) ? parsed[0]! : parsed;
  } catch (error) {
    return error as Error;
  }
}

/** ssh reads PKCS#8 too, which ssh2 does not. */
function fromPkcs8(text: Buffer, passphrase: Buffer | undefined): string | undefined {
  if (!/^-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/m.test(text.toString("latin1"))) return undefined;
  const key = createPrivateKey({ key: text, format: "pem", ...(passphrase === undefined ? {} : { passphrase }) });
  return key.export({ format: "pem", type: key.asymmetricKeyType === "rsa" ? "pkcs1" : "sec1" }).toString();
}

async function publicHalf(path: string): Promise<Buffer | undefined> {
  const text = await readFile(`${path}.pub`, "utf8").catch(() => "");
  const base64 = text.split(/\s+/)[1];
  return base64 ? Buffer.from(base64, "base64") : undefined;
}

/** What a private key shows without its passphrase: OpenSSH's own format has cipher and public key in the clear. */
function peek(text: string): { type?: string | undefined; blob?: Buffer | undefined; encrypted: boolean } {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(text)?.[1];
  if (body === undefined) return { encrypted: /ENCRYPTED/.test(text) };
  let rest = Buffer.from(body, "base64").subarray("openssh-key-v1\0".length);
  const next = () => {
    const length = rest.length < 4 ? 0 : rest.readUInt32BE(0);
    const value = rest.subarray(4, 4 + length);
    rest = rest.subarray(4 + length);
    return value;
  };
  const cipher = next().toString("latin1");
  next(); // how the key comes from the passphrase
  next();
  rest = rest.subarray(4); // how many keys: one
  const blob = next();
  const type = blob.length < 4 ? "" : blob.subarray(4, 4 + blob.readUInt32BE(0)).toString("latin1");
  return { type, blob: Buffer.from(blob), encrypted: cipher !== "none" };
}
