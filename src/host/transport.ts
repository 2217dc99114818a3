/** Which transport a destination needs. ssh2 is the rule; what it cannot do is left to the `ssh` of this machine. */
import { access, readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { type BungeeError, LoginError } from "../errors.ts";
import { type Destination, type ResolveOptions, resolveDestination } from "./destination.ts";
import { readHostKeyRing } from "./host-key.ts";
import { unusedOptions } from "./ssh2/algorithms.ts";
import { unusableAgentKeys } from "./ssh2/identity.ts";
import { NoCommonAlgorithm } from "./ssh2/negotiation.ts";

export type Transport = "ssh2" | "openssh";

/** Whoever has longer ways has none that ends. */
const MAX_JUMPS = 8;

/**
 * What ssh2 cannot do for a destination, known before anything is sent: of settings and files, the jump hosts' included.
 * @returns for people: "there is a certificate, ~/.ssh/id_ed25519-cert.pub"; undefined where ssh2 can
 */
export async function beyondSsh2(
  destination: Destination,
  options: ResolveOptions = {},
  jumps = 0,
): Promise<string | undefined> {
  const reason =
    settingsBeyond(destination) ??
    (await kerberosTicket(destination)) ??
    (await certificateOf(destination)) ??
    (await firstKeyBeyond(destination)) ??
    (await authorityOnly(destination));
  const { jump } = destination;
  if (reason !== undefined || jump === undefined || jumps >= MAX_JUMPS) return reason;
  const hop = await resolveDestination({ ...jump.host, jump: jump.before }, options);
  const atHop = await beyondSsh2(hop, options, jumps + 1);
  return atHop === undefined || atHop.startsWith("at the jump host")
    ? atHop
    : `at the jump host ${hop.address}: ${atHop}`;
}

/** Whether ssh itself may get on where ssh2 failed, and why. */
export async function worthOpenssh(destination: Destination, error: unknown): Promise<string | undefined> {
  if (error instanceof NoCommonAlgorithm) return error.message;
  if (!(error instanceof LoginError)) return undefined;
  const keys = await Promise.all(destination.identityFiles.map(securityKey));
  const unused = keys.find((key) => key !== undefined) ?? (await unusableAgentKeys(destination).catch(() => []))[0];
  return unused;
}

/** The error of the second try, which also tells of the first. */
export function bothFailed(first: BungeeError, second: unknown): unknown {
  if (second instanceof Error) second.message += ` (that was ssh; ssh2 before it: ${first.message})`;
  return second;
}

function settingsBeyond(destination: Destination): string | undefined {
  const [option] = destination.opensshOnly;
  if (option !== undefined) return `ssh_config sets ${option}`;
  const unused = unusedOptions(destination);
  return unused && `ssh_config allows nothing that ssh2 knows as ${unused.option}: ${unused.names.join(",")}`;
}

/** Debian's ssh_config has GSSAPI on for everybody: it counts where there is a ticket. */
async function kerberosTicket({ gssapi }: Destination): Promise<string | undefined> {
  if (!gssapi) return undefined;
  const cache = process.env.KRB5CCNAME || `/tmp/krb5cc_${userInfo().uid}`;
  const file = /^(?:FILE:)?(\/.*)$/.exec(cache)?.[1];
  // Other kinds (KEYRING:, KCM:, DIR:) have no one file; who names one, uses it.
  const there = file === undefined || (await exists(file));
  return there ? `GSSAPIAuthentication is on, and there is a Kerberos ticket in ${cache}` : undefined;
}

async function certificateOf({ certificateFiles, identityFiles }: Destination): Promise<string | undefined> {
  for (const file of [...certificateFiles, ...identityFiles.map((key) => `${key}-cert.pub`)])
    if (await exists(file)) return `there is a certificate, ${file}`;
  return undefined;
}

/** Only the first one that is there: with another before it, ssh2 may well be let in. */
async function firstKeyBeyond({ identityFiles }: Destination): Promise<string | undefined> {
  for (const file of identityFiles) if (await exists(file)) return await securityKey(file);
  return undefined;
}

async function securityKey(file: string): Promise<string | undefined> {
  const text = await readFile(file, "latin1").catch(() => "");
  const base64 = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(text)?.[1];
  // The public half stands before the private one, in the clear. A file may hold the public key alone: the agent has the other.
  const head = base64 === undefined ? text : Buffer.from(base64, "base64").toString("latin1", 0, 256);
  const type = /sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com/.exec(head)?.[0];
  return type && `${file} is a security key (${type})`;
}

/** A host of which only the authority is known has to show its certificate. */
async function authorityOnly(destination: Destination): Promise<string | undefined> {
  const { entries, portless, name } = await readHostKeyRing(destination);
  const lines = [...entries, ...portless];
  if (lines.some((entry) => entry.marker === "none")) return undefined;
  const authority = lines.find((entry) => entry.marker === "cert-authority");
  return authority && `${authority.file}:${authority.line} knows ${name} by its certificate authority`;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
