/** known_hosts as OpenSSH reads it (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). Pure: the caller reads the files. */
import { createHmac } from "node:crypto";
import { Fields, uint32 } from "./openssh/ssh-packet.ts";

/** Lines with keys of other kinds are no lines to OpenSSH. */
const KEY_TYPES = new Set([
  "ssh-ed25519",
  "ssh-rsa",
  "ssh-dss",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
]);

export interface KnownHostsFile {
  readonly file: string;
  /** Each character is a byte ("latin1"): OpenSSH knows no others, and what it does not match must not match here. */
  readonly text: string;
}

export interface KnownHostsEntry {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly marker: "none" | "revoked" | "cert-authority";
  /** The patterns as written, or one hashed name. */
  readonly names: string;
  readonly keyType: string;
  readonly key: Buffer;
}

export type Verdict =
  | { readonly kind: "known"; readonly entry: KnownHostsEntry }
  /** `authority`: a line that trusts a certificate authority for this host, which a plain key can never satisfy. */
  | { readonly kind: "unknown"; readonly authority: KnownHostsEntry | undefined }
  | { readonly kind: "changed"; readonly entry: KnownHostsEntry }
  | { readonly kind: "revoked"; readonly entry: KnownHostsEntry };

/** What a host is called in known_hosts: its name or address, lower case, with the port where that is not 22. */
export function hostPattern(host: string, port: number): string {
  const name = lowerCase(host);
  return port === 22 ? name : `[${name}]:${port}`;
}

/** Every line that OpenSSH would read; malformed ones are ignored as it ignores them. */
export function parseKnownHosts({ file, text }: KnownHostsFile): KnownHostsEntry[] {
  return text.split("\n").flatMap((line, index) => {
    // Only these two are blanks, and a NUL is the end: `trim` and `\s` would take more for one.
    const words = line
      .replace(/\0.*$/s, "")
      .replace(/^[ \t]+/, "")
      .split(/[ \t]+/);
    if (words[0] === "" || words[0]!.startsWith("#")) return [];
    const marker = words[0]!.startsWith("@") ? words.shift()!.slice(1) : "none";
    if (marker !== "none" && marker !== "revoked" && marker !== "cert-authority") return [];
    const [names, keyType, base64] = words;
    if (names === undefined || keyType === undefined || base64 === undefined) return [];
    const key = decoded(base64);
    if (key === undefined || !KEY_TYPES.has(keyType) || typeOfKey(key) !== keyType || !isWhole(key)) return [];
    return [{ file, line: index + 1, marker, names, keyType, key }];
  });
}

/** undefined unless it is base64 to the last bit; Buffer.from takes anything, OpenSSH does not. */
function decoded(base64: string): Buffer | undefined {
  const text = base64.replaceAll(/[\v\f\r]/g, "");
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

/** The entries whose names match. `host` is what `hostPattern` gives, or a HostKeyAlias as it is. */
export function entriesFor(entries: readonly KnownHostsEntry[], host: string): KnownHostsEntry[] {
  const bytes = Buffer.from(host).toString("latin1");
  return entries.filter((entry) =>
    entry.names.startsWith("|") ? matchesHash(entry.names, bytes) : matchesList(entry.names, bytes),
  );
}

/**
 * OpenSSH's verdict (hostfile.c, check_key_in_hostkeys): revoked beats everything, an equal key beats other keys, and any
 * other key known for the host, of whatever type, makes this one a changed key.
 * @param entries those that `entriesFor` gave for the host
 */
export function judge(entries: readonly KnownHostsEntry[], key: Buffer): Verdict {
  const revoked = entries.find((entry) => entry.marker === "revoked" && entry.key.equals(key));
  if (revoked) return { kind: "revoked", entry: revoked };
  const plain = entries.filter((entry) => entry.marker === "none");
  const known = plain.find((entry) => entry.key.equals(key));
  if (known) return { kind: "known", entry: known };
  // The line of the same type is the one that a person has to mend.
  const other = plain.find((entry) => entry.keyType === typeOfKey(key)) ?? plain[0];
  if (other) return { kind: "changed", entry: other };
  return { kind: "unknown", authority: entries.find((entry) => entry.marker === "cert-authority") };
}

/** A line for known_hosts, with its newline. A salt makes it a hashed one, as `HashKnownHosts yes` wants. */
export function knownHostsLine(host: string, key: Buffer, salt?: Buffer): string {
  const name = salt ? hashedName(salt, Buffer.from(host).toString("latin1")) : host;
  return `${name} ${typeOfKey(key)} ${key.toString("base64")}\n`;
}

/** The type that a public key in SSH's wire format names itself ("ssh-ed25519"); empty when it is no key. */
export function typeOfKey(key: Buffer): string {
  if (key.length < 4) return "";
  const length = key.readUInt32BE(0);
  return length > key.length - 4 ? "" : key.toString("latin1", 4, 4 + length);
}

/** How many strings a key of a type consists of, behind the type. */
const KEY_PARTS: Readonly<Record<string, number>> = {
  "ssh-ed25519": 1,
  "ssh-rsa": 2,
  "ecdsa-sha2-nistp256": 2,
  "ecdsa-sha2-nistp384": 2,
  "ecdsa-sha2-nistp521": 2,
  "sk-ssh-ed25519@openssh.com": 2,
  "sk-ecdsa-sha2-nistp256@openssh.com": 3,
};

/** The key that a certificate is about (OpenSSH's PROTOCOL.certkeys); undefined when it is no certificate that we know. */
export function certifiedKey(certificate: Buffer): Buffer | undefined {
  const type = typeOfKey(certificate).replace(/-cert-v01(?:@openssh\.com)?$/, "");
  const plain = KEY_PARTS[type] === undefined ? `${type}@openssh.com` : type;
  const count = KEY_PARTS[plain];
  if (type === typeOfKey(certificate) || count === undefined) return undefined;
  const fields = new Fields(certificate);
  fields.bytes();
  fields.bytes(); // A nonce.
  const parts = Array.from({ length: count }, () => fields.bytes());
  return Buffer.concat([Buffer.from(plain), ...parts].flatMap((part) => [uint32(part.length), part]));
}

/** A key is a row of strings, each with its length before it, and ends with the last one. */
function isWhole(key: Buffer): boolean {
  let at = 0;
  let parts = 0;
  for (; at + 4 <= key.length; parts++) at += 4 + key.readUInt32BE(at);
  return at === key.length && parts > 1;
}

/** OpenSSH makes the word anew from its salt, and compares the words. */
function matchesHash(names: string, host: string): boolean {
  const salt = Buffer.from(names.split("|")[2] ?? "", "base64");
  return salt.length === 20 && names === hashedName(salt, host);
}

function hashedName(salt: Buffer, host: string): string {
  const hash = createHmac("sha1", salt).update(host, "latin1").digest("base64");
  return `|1|${salt.toString("base64")}|${hash}`;
}

/** OpenSSH gives a whole list up at a pattern longer than this. */
const LONGEST_PATTERN = 1022;

/** Comma-separated patterns; a negated one that matches refuses the host, whatever else matches. */
function matchesList(list: string, host: string): boolean {
  const name = lowerCase(host);
  let matched = false;
  for (const word of lowerCase(list).split(",")) {
    const negated = word.startsWith("!");
    const pattern = negated ? word.slice(1) : word;
    if (pattern.length > LONGEST_PATTERN) return false;
    if (!matchesPattern(pattern, name)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

/** Of ASCII alone: to `toLowerCase` the sign of Kelvin is a k. */
function lowerCase(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Where a character does not match, the last `*` takes one more. A regular expression of many stars may take for ever. */
function matchesPattern(pattern: string, name: string): boolean {
  let [at, next] = [0, 0];
  let star: { readonly next: number; at: number } | undefined;
  while (at < name.length) {
    if (pattern[next] === "*") star = { next: ++next, at };
    else if (pattern[next] === "?" || pattern[next] === name[at]) [at, next] = [at + 1, next + 1];
    else if (star) [at, next] = [++star.at, star.next];
    else return false;
  }
  return /^\**$/.test(pattern.slice(next));
}
