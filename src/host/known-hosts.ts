/** known_hosts as OpenSSH reads it (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). Pure: the caller reads the files. */
import { createHmac } from "node:crypto";

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
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** Every line that OpenSSH would read; malformed ones are ignored as it ignores them. */
export function parseKnownHosts({ file, text }: KnownHostsFile): KnownHostsEntry[] {
  return text.split("\n").flatMap((line, index) => {
    const words = line.trim().split(/[ \t]+/);
    if (words[0] === "" || words[0]!.startsWith("#")) return [];
    const marker = words[0]!.startsWith("@") ? words.shift()!.slice(1) : "none";
    if (marker !== "none" && marker !== "revoked" && marker !== "cert-authority") return [];
    const [names, keyType, base64] = words;
    if (names === undefined || keyType === undefined || base64 === undefined) return [];
    const key = Buffer.from(base64, "base64");
    if (!KEY_TYPES.has(keyType) || typeOfKey(key) !== keyType || !isWhole(key)) return [];
    return [{ file, line: index + 1, marker, names, keyType, key }];
  });
}

/** The entries whose names match. `host` is what `hostPattern` gives, or a HostKeyAlias as it is. */
export function entriesFor(entries: readonly KnownHostsEntry[], host: string): KnownHostsEntry[] {
  return entries.filter((entry) =>
    entry.names.startsWith("|") ? matchesHash(entry.names, host) : matchesList(entry.names, host),
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
  const name = salt ? `|1|${salt.toString("base64")}|${hashName(salt, host).toString("base64")}` : host;
  return `${name} ${typeOfKey(key)} ${key.toString("base64")}\n`;
}

/** The type that a public key in SSH's wire format names itself ("ssh-ed25519"); empty when it is no key. */
export function typeOfKey(key: Buffer): string {
  if (key.length < 4) return "";
  const length = key.readUInt32BE(0);
  return length > key.length - 4 ? "" : key.toString("latin1", 4, 4 + length);
}

/** A key is a row of strings, each with its length before it, and ends with the last one. */
function isWhole(key: Buffer): boolean {
  let at = 0;
  let parts = 0;
  for (; at + 4 <= key.length; parts++) at += 4 + key.readUInt32BE(at);
  return at === key.length && parts > 1;
}

function matchesHash(names: string, host: string): boolean {
  const [empty, magic, salt, hash, ...rest] = names.split("|");
  if (empty !== "" || magic !== "1" || !salt || !hash || rest.length > 0) return false;
  return hashName(Buffer.from(salt, "base64"), host).equals(Buffer.from(hash, "base64"));
}

function hashName(salt: Buffer, host: string): Buffer {
  return createHmac("sha1", salt).update(host).digest();
}

/** Comma-separated patterns; a negated one that matches refuses the host, whatever else matches. */
function matchesList(list: string, host: string): boolean {
  const name = host.toLowerCase();
  let matched = false;
  for (const pattern of list.toLowerCase().split(",")) {
    if (pattern.startsWith("!")) {
      if (matchesPattern(pattern.slice(1), name)) return false;
    } else if (matchesPattern(pattern, name)) {
      matched = true;
    }
  }
  return matched;
}

function matchesPattern(pattern: string, name: string): boolean {
  const source = pattern.replaceAll(/[.+^${}()|[\]\\/*?]/g, (char) =>
    char === "*" ? ".*" : char === "?" ? "." : `\\${char}`,
  );
  return new RegExp(`^${source}$`, "s").test(name);
}
