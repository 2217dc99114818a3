/** Where one address of a node leads, by `ssh -G`: so `~/.ssh/config` holds for bungee as it does for ssh. */
import { homedir, hostname, userInfo } from "node:os";
import { ConfigurationError } from "../errors.ts";
import { runLocal } from "../process.ts";
import { expandPath, expandTokens, parseSshConfig, type SshConfig, type Tokens } from "./ssh-config.ts";

/** Settings of one login, complete. */
export interface Destination {
  /** As the fleet, or ProxyJump, gave it. */
  readonly address: string;
  /** Where to connect, after ssh_config. */
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  readonly identityFiles: readonly string[];
  readonly certificateFiles: readonly string[];
  /** Keys of the agent count only where a file names them. */
  readonly identitiesOnly: boolean;
  /** The agent's socket. */
  readonly agent: string | undefined;
  readonly hostKeys: HostKeySettings;
  /** The last jump host, and those before it as ssh's `-J` takes them. */
  readonly jump: { readonly host: Hop; readonly before: string | undefined } | undefined;
  /** A line for the local shell. */
  readonly proxyCommand: string | undefined;
  readonly connectTimeoutMs: number | undefined;
  readonly keepalive: { readonly intervalMs: number; readonly count: number };
  readonly compression: boolean;
  readonly addressFamily: 0 | 4 | 6;
  readonly bindAddress: string | undefined;
  /** What ssh would offer, in its order; undefined where it did not say. */
  readonly algorithms: {
    readonly cipher: readonly string[] | undefined;
    readonly serverHostKey: readonly string[] | undefined;
    readonly kex: readonly string[] | undefined;
    readonly hmac: readonly string[] | undefined;
  };
  /** Options in force that change who is let in or how the way there is made, and that only ssh itself honours. */
  readonly opensshOnly: readonly string[];
  readonly gssapi: boolean;
}

export interface HostKeySettings {
  readonly alias: string | undefined;
  readonly userFiles: readonly string[];
  readonly globalFiles: readonly string[];
  readonly revokedFile: string | undefined;
  readonly strict: "yes" | "accept-new" | "no";
  readonly hash: boolean;
  readonly checkIp: boolean;
}

export interface Hop {
  readonly address: string;
  readonly user?: string | undefined;
  readonly port?: number | undefined;
}

export interface Query extends Hop {
  readonly identityFile?: string | undefined;
  /** Options as ssh_config has them, which win over it. They are not the jump hosts'. */
  readonly sshOptions?: Readonly<Record<string, string>> | undefined;
  /** Jump hosts, as `-J` takes them; in place of the ProxyJump of ssh_config. */
  readonly jump?: string | undefined;
}

export interface ResolveOptions {
  /** In place of `~/.ssh/config` and the system's, as with `ssh -F`. */
  readonly configFile?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds after which both transports have given a silent line up. */
export const silenceOf = ({ keepalive: { intervalMs, count } }: Destination): number => intervalMs * (count + 1);

// ssh leaves ServerAliveInterval at 0 and would wait for ever; a deployer has to notice.
const KEEPALIVE_MS = 5000;

/** @throws ConfigurationError for an address or user that ssh would refuse, and when ssh_config is broken */
export async function resolveDestination(query: Query, options: ResolveOptions = {}): Promise<Destination> {
  checkHop(query);
  const jump = query.jump === undefined ? [] : ["-J", query.jump];
  const argv = ["ssh", "-G", "-T", ...jump, ...sshWords(query, options)] as const;
  const { code, stdout, stderr } = await runLocal({ argv }, options.signal ? { signal: options.signal } : {});
  if (code !== 0) {
    throw new ConfigurationError(`ssh cannot read its settings for ${query.address}`, {
      mend: `mend what it complains about; to see it again: ssh -G ${query.address}`,
      detail: stderr.replaceAll("\r", "").trim(),
    });
  }
  return toDestination(query.address, parseSshConfig(stdout));
}

/** The words by which ssh learns where to go; they come last on its command line. The way there, by jump hosts, is not in them. */
export function sshWords(query: Query, { configFile }: ResolveOptions): string[] {
  const { address, user, port, identityFile, sshOptions = {} } = query;
  const words: string[] = [];
  if (configFile) words.push("-F", configFile);
  if (user !== undefined) words.push("-l", user);
  if (port !== undefined) words.push("-p", String(port));
  if (identityFile !== undefined) words.push("-i", identityFile);
  for (const [option, value] of Object.entries(sshOptions)) words.push("-o", `${option}=${value}`);
  return [...words, "--", address];
}

/** `[user@]host[:port]` or an ssh:// URI, as one entry of ProxyJump. @throws ConfigurationError */
export function parseHop(text: string): Hop {
  const match = /^(?:ssh:\/\/)?(?:(?<user>[^@]+)@)?(?:\[(?<ip6>[^\]]+)\]|(?<host>[^:@]+))(?::(?<port>\d+))?\/?$/.exec(
    text,
  );
  const address = match?.groups?.ip6 ?? match?.groups?.host;
  if (match === null || address === undefined) {
    throw new ConfigurationError(`ProxyJump names no host that can be read: ${JSON.stringify(text)}`, {
      mend: "write it as [user@]host[:port] in ~/.ssh/config",
    });
  }
  const port = match.groups?.port;
  return { address, user: match.groups?.user, port: port === undefined ? undefined : Number(port) };
}

/**
 * The rules of OpenSSH 9.6, on every version: older ones would put such a word into a ProxyCommand's shell line.
 * `@` and `/` are refused too, since ssh would take the word for a URI or a user with a host.
 */
function checkHop({ address, user, port }: Hop): void {
  if (address === "" || address.startsWith("-") || /[\s\x00-\x20\x7f'"`$\\;&<>|(){}@/,]/.test(address)) {
    throw new ConfigurationError(`this cannot be the address of a host: ${JSON.stringify(address)}`, {
      mend: "give a host name, an IP address or a Host of ~/.ssh/config; user and port have fields of their own",
    });
  }
  if (user !== undefined && (user === "" || user.startsWith("-") || /[\s\x00-\x20\x7f'"`;&<>|(){}\\]/.test(user))) {
    throw new ConfigurationError(`this cannot be the name of a user: ${JSON.stringify(user)}`, {
      mend: "give the login name alone",
    });
  }
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65536)) {
    throw new ConfigurationError(`this cannot be a port: ${port}`, { mend: "give a number from 1 to 65535" });
  }
}

function toDestination(address: string, config: SshConfig): Destination {
  const tokens: Tokens = {
    original: address,
    hostname: config.hostname,
    port: config.port,
    user: config.user,
    home: homedir(),
    localUser: userInfo().username,
    localHost: hostname(),
    hostKeyAlias: config.hostkeyalias,
  };
  const expand = (paths: readonly string[]) =>
    paths.filter((path) => path !== "none").flatMap((path) => expandPath(path, tokens, process.env) ?? []);
  // jump1,jump2: the way to jump2 leads through jump1.
  const jumps = config.proxyjump?.split(",");
  return {
    address,
    hostname: config.hostname,
    port: config.port,
    user: config.user,
    identityFiles: expand(config.identityfile),
    certificateFiles: expand(config.certificatefile),
    identitiesOnly: config.identitiesonly,
    agent: agentSocket(config.identityagent, (path) => expandPath(path, tokens, process.env)),
    hostKeys: {
      alias: config.hostkeyalias,
      userFiles: expand(config.userknownhostsfile),
      globalFiles: expand(config.globalknownhostsfile),
      revokedFile: config.revokedhostkeys && expandPath(config.revokedhostkeys, tokens, process.env),
      strict: config.stricthostkeychecking,
      hash: config.hashknownhosts,
      checkIp: config.checkhostip,
    },
    jump: jumps && { host: parseHop(jumps.at(-1)!), before: jumps.slice(0, -1).join(",") || undefined },
    proxyCommand: config.proxycommand && expandTokens(config.proxycommand, tokens),
    connectTimeoutMs: config.connecttimeout === undefined ? undefined : config.connecttimeout * 1000,
    keepalive: {
      intervalMs: config.serveraliveinterval * 1000 || KEEPALIVE_MS,
      count: config.serveralivecountmax,
    },
    compression: config.compression,
    addressFamily: { any: 0, inet: 4, inet6: 6 }[config.addressfamily] as 0 | 4 | 6,
    bindAddress: config.bindaddress,
    algorithms: {
      cipher: config.ciphers,
      serverHostKey: config.hostkeyalgorithms,
      kex: config.kexalgorithms,
      hmac: config.macs,
    },
    opensshOnly: opensshOnly(config),
    gssapi: config.gssapiauthentication,
  };
}

function opensshOnly(config: SshConfig): string[] {
  const inForce: Readonly<Record<string, boolean>> = {
    PKCS11Provider: config.pkcs11provider !== undefined,
    KnownHostsCommand: config.knownhostscommand !== undefined,
    VerifyHostKeyDNS: config.verifyhostkeydns,
    HostbasedAuthentication: config.hostbasedauthentication,
    ProxyUseFdpass: config.proxyusefdpass,
    BindInterface: config.bindinterface !== undefined,
  };
  return Object.keys(inForce).filter((option) => inForce[option]);
}

function agentSocket(setting: string | undefined, expand: (path: string) => string | undefined): string | undefined {
  if (setting === undefined || setting === "SSH_AUTH_SOCK") return process.env.SSH_AUTH_SOCK || undefined;
  if (setting === "none") return undefined;
  return setting.startsWith("$") && !setting.startsWith("${") ? process.env[setting.slice(1)] : expand(setting);
}
