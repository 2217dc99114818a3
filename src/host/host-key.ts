/** May this host be spoken to? Its key against known_hosts, with the verdict that OpenSSH gives, before anything is sent. */
import { createHash, randomBytes } from "node:crypto";
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { HostKeyError } from "../errors.ts";
import { runLocal } from "../process.ts";
import type { Destination } from "./destination.ts";
import {
  entriesFor,
  hostPattern,
  judge,
  type KnownHostsEntry,
  knownHostsLine,
  parseKnownHosts,
  typeOfKey,
} from "./known-hosts.ts";
import { quote } from "./quote.ts";

/** What known_hosts says about one destination; read once for each login. */
export interface HostKeyRing {
  readonly destination: Destination;
  /** The name to look under, and to write. */
  readonly name: string;
  readonly all: readonly KnownHostsEntry[];
  /** The lines for the host. */
  readonly entries: readonly KnownHostsEntry[];
  /** The lines for the name without its port: OpenSSH takes an equal key there, too, and nothing else. */
  readonly portless: readonly KnownHostsEntry[];
}

export type Acceptance =
  | { readonly kind: "known" }
  /** Taken by StrictHostKeyChecking `accept-new` or `no`; to be written after the host proved that it owns the key. */
  | { readonly kind: "new"; readonly notice: string; readonly remember: () => Promise<void> };

export async function readHostKeyRing(destination: Destination): Promise<HostKeyRing> {
  const { hostKeys, hostname, port } = destination;
  const files = [...hostKeys.userFiles, ...hostKeys.globalFiles];
  const texts = await Promise.all(
    files.map(async (file) => ({ file, text: await readFile(file, "latin1").catch(() => "") })),
  );
  const all = texts.flatMap(parseKnownHosts);
  const name = hostKeys.alias ?? hostPattern(hostname, port);
  return {
    destination,
    name,
    all,
    entries: entriesFor(all, name),
    portless: hostKeys.alias === undefined && port !== 22 ? entriesFor(all, hostPattern(hostname, 22)) : [],
  };
}

/**
 * The types of the keys that are known come first: a host with several keys must show one that can be checked. As OpenSSH does.
 * @param offered algorithm names, in order of preference
 */
export function knownTypesFirst<T extends string>(ring: HostKeyRing, offered: readonly T[]): T[] {
  const types = new Set([...ring.entries, ...ring.portless].filter((e) => e.marker === "none").map((e) => e.keyType));
  const known = offered.filter((algorithm) => types.has(algorithm.startsWith("rsa-sha2-") ? "ssh-rsa" : algorithm));
  return [...known, ...offered.filter((algorithm) => !known.includes(algorithm))];
}

/**
 * @param ip the peer's address, where the connection is a direct one (for CheckHostIP)
 * @throws HostKeyError
 */
export async function checkHostKey(ring: HostKeyRing, key: Buffer, ip: string | undefined): Promise<Acceptance> {
  const { destination, name } = ring;
  const verdict = judge(ring.entries, key);
  if (verdict.kind === "revoked") throw revoked(ring, describeKey(key), verdict.entry);
  if (await isRevokedByFile(destination.hostKeys.revokedFile, key)) throw revoked(ring, describeKey(key), undefined);
  if (verdict.kind === "changed") throw changed(ring, name, key, verdict.entry);
  if (ip !== undefined && destination.hostKeys.checkIp && destination.hostKeys.alias === undefined) {
    const byIp = judge(entriesFor(ring.all, hostPattern(ip, destination.port)), key);
    if (byIp.kind === "revoked") throw revoked(ring, describeKey(key), byIp.entry);
    if (byIp.kind === "changed") throw changed(ring, hostPattern(ip, destination.port), key, byIp.entry);
  }
  if (verdict.kind === "known" || judge(ring.portless, key).kind === "known") return { kind: "known" };
  if (destination.hostKeys.strict === "yes") throw unknown(ring, key, verdict.authority);
  return {
    kind: "new",
    notice: `${name} was not known: its key ${describeKey(key)} was accepted, as StrictHostKeyChecking ${destination.hostKeys.strict} of ssh_config says`,
    remember: () => remember(ring, key),
  };
}

/**
 * Of a key that ssh itself refused before it looked into known_hosts: only RevokedHostKeys comes first.
 * @param shown the key as `ssh-ed25519 SHA256:…`
 */
export async function refusalByRevocation(ring: HostKeyRing, shown: string): Promise<HostKeyError | undefined> {
  const { revokedFile } = ring.destination.hostKeys;
  if (revokedFile === undefined) return undefined;
  return await readRevocations(revokedFile).then(
    () => revoked(ring, shown, undefined),
    (unreadable: HostKeyError) => unreadable,
  );
}

/** `ssh-ed25519 SHA256:…`, the fingerprint as every OpenSSH tool shows it. */
function describeKey(key: Buffer): string {
  return `${typeOfKey(key)} SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

function unknown(ring: HostKeyRing, key: Buffer, authority: KnownHostsEntry | undefined): HostKeyError {
  const { hostKeys } = ring.destination;
  const ca =
    authority && `; ${place(authority)} trusts a certificate authority, and the host shows no certificate of it`;
  return new HostKeyError(`the host key of ${ring.name} is not known${ca ?? ""}`, {
    detail: `the host shows ${describeKey(key)}\nno line for it in: ${[...hostKeys.userFiles, ...hostKeys.globalFiles].join(", ")}`,
    mend: `compare the fingerprint with the host's own (there: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); if it is the same: ${keyscan(ring.destination, key)}`,
  });
}

function changed(ring: HostKeyRing, name: string, key: Buffer, entry: KnownHostsEntry): HostKeyError {
  return new HostKeyError(`the host key of ${name} has changed: ${place(entry)} knows another`, {
    detail: `the host shows ${describeKey(key)}\n${place(entry)} has ${describeKey(entry.key)}`,
    mend: `somebody may stand between you and the host. Only if you know why it has a new key: ${quote(["ssh-keygen", "-f", entry.file, "-R", name])} && ${keyscan(ring.destination, key)}`,
  });
}

function revoked(ring: HostKeyRing, shown: string, entry: KnownHostsEntry | undefined): HostKeyError {
  const where = entry ? place(entry) : ring.destination.hostKeys.revokedFile;
  return new HostKeyError(`the host key of ${ring.name} is revoked by ${where}`, {
    detail: `the host shows ${shown}`,
    mend: "give the host a new key; whoever has the revoked one can pretend to be this host",
  });
}

function place(entry: KnownHostsEntry): string {
  return `${entry.file}:${entry.line}`;
}

function keyscan(destination: Destination, key: Buffer): string {
  const { hostKeys, hostname, port, jump, proxyCommand } = destination;
  // ssh-keyscan knows no way through another host, and writes no alias.
  if (jump || proxyCommand || hostKeys.alias) return `ssh ${destination.address}, and answer yes`;
  const type = typeOfKey(key)
    .replace(/^ssh-/, "")
    .replace(/^ecdsa-.*/, "ecdsa");
  const command = quote(["ssh-keyscan", ...(port === 22 ? [] : ["-p", String(port)]), "-t", type, hostname]);
  return `${command} >> ${hostKeys.userFiles[0] === undefined ? "~/.ssh/known_hosts" : quote([hostKeys.userFiles[0]])}`;
}

async function remember(ring: HostKeyRing, key: Buffer): Promise<void> {
  const { userFiles, hash } = ring.destination.hostKeys;
  if (userFiles[0] === undefined) return;
  const line = knownHostsLine(ring.name, key, hash ? randomBytes(20) : undefined);
  await appendLine(userFiles[0], line);
}

/** Where ssh itself is to write a key down: it makes no directory but its own, and would go on in a line that has no end. */
export async function readyToRemember({ hostKeys }: Destination): Promise<void> {
  if (hostKeys.strict !== "yes" && hostKeys.userFiles[0] !== undefined) await appendLine(hostKeys.userFiles[0], "");
}

async function appendLine(file: string, line: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const text = await readFile(file, "utf8").catch(() => "");
  // One write in append mode: two logins at once cannot mix their lines.
  await appendFile(file, text === "" || text.endsWith("\n") ? line : `\n${line}`, { mode: 0o600 });
}

/**
 * RevokedHostKeys: public keys, one a line, or a binary list that only ssh-keygen reads.
 * @throws HostKeyError where it cannot be read: ssh then trusts no key, either
 */
async function isRevokedByFile(file: string | undefined, key: Buffer): Promise<boolean> {
  if (file === undefined) return false;
  const content = await readRevocations(file);
  const base64 = key.toString("base64");
  if (content.toString("latin1", 0, 6) !== "SSHKRL") return content.toString("latin1").split(/\s+/).includes(base64);
  const dir = await mkdtemp(join(tmpdir(), "bungee-"));
  try {
    const path = join(dir, "key.pub");
    await writeFile(path, `${typeOfKey(key)} ${base64}\n`);
    return (await runLocal({ argv: ["ssh-keygen", "-Q", "-f", file, path] })).code !== 0;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function readRevocations(file: string): Promise<Buffer> {
  return await readFile(file).catch((error: Error) => {
    throw new HostKeyError(`RevokedHostKeys of ssh_config cannot be read: ${error.message}`, {
      mend: "put the file there, or take the setting out",
    });
  });
}
