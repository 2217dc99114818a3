/**
 * What an ssh that ended tells. Its exit code is 255 whatever happened; how far it came shows in its log (`-v`), whose lines for
 * the steps of a login have been the same for twenty years, and in the host's key that it handed on.
 */
import { type BungeeError, HostKeyError, LoginError, UnreachableError } from "../../errors.ts";
import type { Exit } from "../../process.ts";
import type { Destination } from "../destination.ts";
import { readKeyFile } from "../key-file.ts";
import type { Secrets } from "../secrets.ts";
import { NoCommonAlgorithm } from "../ssh2/negotiation.ts";
import { unreachable, unready } from "../ssh2/way.ts";

export interface Outset {
  readonly destination: Destination;
  readonly exit: Exit;
  readonly log: string;
  /** What the host showed: a line for each key, or nothing yet. */
  readonly keys: string;
  /** What a ProxyCommand printed on its standard error. */
  readonly complaint: string;
  /** The last jump host on the way. */
  readonly jump: string | undefined;
  readonly secrets: Secrets | undefined;
}

/** ssh's words for what node says by codes: see way.ts. */
const REASONS: readonly (readonly [said: RegExp, reason: string])[] = [
  [/Connection refused/, "connection refused"],
  [/Connection reset/, "the connection was reset"],
  [/No route to host/, "no route to the host"],
  [/Network is unreachable/, "no route to its network"],
  [/Name or service not known|nodename nor servname|No address associated/, "there is no host of this name"],
  [/Temporary failure in name resolution/, "its name could not be looked up now"],
  [/timed out/, "no answer"],
];

export async function failureOf(outset: Outset): Promise<BungeeError> {
  const { destination, log, keys, exit } = outset;
  const missing = /no matching (.+) found\. Their offer: (\S+)/.exec(log);
  if (missing) return new NoCommonAlgorithm(destination.hostname, missing[1]!, missing[2]!);
  if (isLoggingIn(log)) return await refused(outset);
  if (/^HOSTNAME/m.test(keys)) return distrusted(outset);
  const { hostname, port } = destination;
  const complaint = outset.complaint.split("\n").at(-1) ?? "";
  if (outset.jump !== undefined)
    return unreachable(`the jump host cannot reach ${hostname} port ${port}: ${complaint || lastWords(log)}`);
  const said = lastWords(log) || (exit.signal ? `ssh was ended by ${exit.signal}` : `ssh ended with ${exit.code}`);
  const via = destination.proxyCommand !== undefined && complaint ? ` (${complaint})` : "";
  return unreachable(`${hostname} port ${port}: ${REASONS.find(([words]) => words.test(said))?.[1] ?? said}${via}`);
}

/** @param reason of the signal that ended the start */
export function timeoutOf(reason: unknown, outset: Outset): unknown {
  if (!(reason instanceof Error && reason.name === "TimeoutError")) return reason;
  const { hostname, port } = outset.destination;
  const complaint = outset.complaint && ` (${outset.complaint})`;
  // Through a jump host or a ProxyCommand, only the first word of its sshd tells that the host is there.
  if (!/^debug1: (?:Connection established|Remote protocol version)/m.test(outset.log)) {
    return new UnreachableError(`${hostname} port ${port}: no answer${complaint}`, {
      mend: "check the address, and that the host is on and no firewall drops what is sent to it",
    });
  }
  const what = isLoggingIn(outset.log)
    ? "the login did not end in time"
    : "it takes the connection, but sshd says nothing";
  return unready(`${hostname} port ${port}: ${what}${complaint}`);
}

/** Why a connection that stood is there no more. */
export function reasonOfLoss({ destination, exit, log }: Outset): string {
  const said = lastWords(log);
  const { intervalMs, count } = destination.keepalive;
  if (/^Timeout, server .* not responding/.test(said))
    return `nothing came from the host for ${Math.round((intervalMs * count) / 1000)} s`;
  if (/closed by remote host/.test(said)) return "the host closed it";
  return said || `its ssh ended with ${exit.signal ?? exit.code}`;
}

/** The host's key is accepted, and the keys of the session are exchanged. */
function isLoggingIn(log: string): boolean {
  return /^debug1: SSH2_MSG_(?:NEWKEYS sent|SERVICE_ACCEPT received)/m.test(log);
}

const CHATTER = /^(?:debug\d|OpenSSH_|Warning: Permanently added|Authenticated to |Transferred: |Bytes per second: )/;

/** What ssh says without being asked for details. */
function words(log: string): string[] {
  return log
    .replaceAll("\r", "")
    .split("\n")
    .filter((line) => line !== "" && !CHATTER.test(line));
}

function lastWords(log: string): string {
  return words(log).at(-1) ?? "";
}

/** ssh refused the host's key, and our own reading of known_hosts gave no reason: so it was a certificate. */
function distrusted({ destination, log }: Outset): HostKeyError {
  const name = destination.hostKeys.alias ?? destination.hostname;
  return new HostKeyError(`ssh does not trust the host key of ${name}`, {
    detail: words(log).join("\n"),
    mend: "look at the certificate that the host shows (there: ssh-keygen -Lf /etc/ssh/ssh_host_ed25519_key-cert.pub): its names, its time, and who signed it",
  });
}

async function refused({ destination, log, secrets }: Outset): Promise<LoginError> {
  const { hostname, user, identitiesOnly } = destination;
  const keys = keysOf(log);
  const methods = [...log.matchAll(/^debug1: Authentications that can continue: (.*?)\r?$/gm)].at(-1)?.[1];
  const cut = /^Received disconnect from .*:\d+: (.*?)\r?$/m.exec(log)?.[1];
  const noAgent = /^debug1: get_agent_identities: .*: (.+?)\r?$/m.exec(log)?.[1];
  const detail = [
    ...(await Promise.all(keys.map(async (key) => (key.wanted ? unsigned(key, secrets) : `refused: ${key.label}`)))),
    ...(noAgent === undefined ? [] : [`not offered: agent at ${destination.agent}: ${noAgent}`]),
    ...words(log).filter((line) => !FAREWELL.test(line)),
    cut === undefined
      ? `the host accepts: ${methods?.replaceAll(",", ", ") ?? "it did not say"}`
      : `the host ended it: ${cut}`,
  ];
  const tried = keys.length;
  return new LoginError(
    tried === 0
      ? `${hostname} does not let ${user} in: there is no key to offer`
      : `${hostname} does not let ${user} in with ${tried === 1 ? "the key" : `any of ${tried} keys`} offered`,
    {
      detail: detail.join("\n"),
      mend:
        cut !== undefined && tried > 1 && !identitiesOnly
          ? "name the right key (identityFile), and set IdentitiesOnly yes in ~/.ssh/config: the host stops listening after a few wrong ones"
          : `put your public key into the authorized keys of ${user} on the host, or name the right one (identityFile); a key with a passphrase goes into the agent by ssh-add`,
    },
  );
}

/** Said beside what we say better. */
const FAREWELL =
  /Permission denied \(|^Received disconnect|^Disconnected from|^@|^It is required|^This private key will/;

interface OfferedKey {
  readonly label: string;
  readonly path: string;
  /** The host would have taken it. */
  readonly wanted: boolean;
}

function keysOf(log: string): OfferedKey[] {
  const lines = (what: string) =>
    [...log.matchAll(new RegExp(`^debug1: ${what}: (.*) \\S+ (SHA256:\\S+)(.*?)\\r?$`, "gm"))].map(
      ([, path = "", fingerprint = "", how = ""]) => ({ path, fingerprint, how }),
    );
  const accepted = new Set(lines("Server accepts key").map(({ fingerprint }) => fingerprint));
  return lines("Offering public key").map(({ path, fingerprint, how }) => ({
    label: how.includes("agent") ? `agent: ${path}` : path,
    path,
    wanted: accepted.has(fingerprint),
  }));
}

async function unsigned({ label, path }: OfferedKey, secrets: Secrets | undefined): Promise<string> {
  const why = label === path ? (await readKeyFile(path, secrets))?.why : undefined;
  return `not used: ${label}: ${why ?? "the host would take it, and it did not sign"}`;
}
