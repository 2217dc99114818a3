/** What `ssh -G` says of a destination, as typed settings. Pure. */
import { z } from "zod";
import { ConfigurationError } from "../errors.ts";

const one = z.array(z.string()).transform((values) => values[0]!);
const number = one.pipe(z.string().regex(/^\d+$/).transform(Number));
const yesNo = one.transform((value) => value === "yes" || value === "true");
const list = one.transform((value) => value.split(","));
const optional = one.transform((value) => (value === "none" ? undefined : value)).optional();

/** ssh prints a list of files with spaces between them and no quotes: what does not look like a path belongs to the one before. */
const files = one.transform((value) => value.split(/ (?=[/~])/));

const schema = z.object({
  hostname: one,
  port: number.pipe(z.number().min(1).max(65535)),
  user: one,
  addressfamily: one.pipe(z.enum(["any", "inet", "inet6"])).default("any"),
  bindaddress: optional,
  identityfile: z.array(z.string()).default([]),
  certificatefile: z.array(z.string()).default([]),
  identitiesonly: yesNo.default(false),
  identityagent: one.optional(),
  userknownhostsfile: files.default([]),
  globalknownhostsfile: files.default([]),
  revokedhostkeys: optional,
  hostkeyalias: optional,
  stricthostkeychecking: one.transform((value) =>
    value === "accept-new" ? "accept-new" : value === "false" || value === "no" || value === "off" ? "no" : "yes",
  ),
  hashknownhosts: yesNo.default(false),
  checkhostip: yesNo.default(false),
  proxyjump: optional,
  proxycommand: optional,
  connecttimeout: one.transform((value) => (/^\d+$/.test(value) ? Number(value) : undefined)).optional(),
  serveraliveinterval: number.default(0),
  serveralivecountmax: number.default(3),
  compression: yesNo.default(false),
  ciphers: list.optional(),
  hostkeyalgorithms: list.optional(),
  kexalgorithms: list.optional(),
  macs: list.optional(),
  pkcs11provider: optional,
  knownhostscommand: optional,
  verifyhostkeydns: yesNo.default(false),
  hostbasedauthentication: yesNo.default(false),
  gssapiauthentication: yesNo.default(false),
  proxyusefdpass: yesNo.default(false),
  bindinterface: optional,
});

/** Field names are ssh's own, lower case; times are seconds. */
export type SshConfig = z.output<typeof schema>;

/** @throws ConfigurationError when the text is not what ssh prints */
export function parseSshConfig(text: string): SshConfig {
  const values = new Map<string, string[]>();
  for (const line of text.split(/\r?\n/)) {
    const space = line.indexOf(" ");
    if (space < 1) continue;
    const key = line.slice(0, space).toLowerCase();
    const before = values.get(key);
    if (before) before.push(line.slice(space + 1));
    else values.set(key, [line.slice(space + 1)]);
  }
  const parsed = schema.safeParse(Object.fromEntries(values));
  if (parsed.success) return parsed.data;
  throw new ConfigurationError("what ssh -G prints is not understood", {
    mend: "is `ssh` on the PATH OpenSSH? If it is: report this, with the output of ssh -G for the host",
    detail: z.prettifyError(parsed.error),
  });
}

export interface Tokens {
  /** The address as given (%n). */
  readonly original: string;
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  readonly home: string;
  readonly localUser: string;
  readonly localHost: string;
  readonly hostKeyAlias: string | undefined;
}

/** `~`, `%` tokens and `${VARIABLES}` of a file name, as ssh_config(5) has them; undefined where a variable is not set. */
export function expandPath(path: string, tokens: Tokens, env: NodeJS.ProcessEnv): string | undefined {
  let missing = false;
  const named = path.replace(/^~(?=\/|$)/, tokens.home).replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
    missing ||= env[name] === undefined;
    return env[name] ?? "";
  });
  return missing ? undefined : expandTokens(named, tokens);
}

/** The `%` tokens alone: a ProxyCommand is a shell line, whose variables are the shell's. */
export function expandTokens(text: string, tokens: Tokens): string {
  const values: Record<string, string> = {
    "%": "%",
    d: tokens.home,
    h: tokens.hostname,
    k: tokens.hostKeyAlias ?? tokens.original,
    L: tokens.localHost.split(".")[0]!,
    l: tokens.localHost,
    n: tokens.original,
    p: String(tokens.port),
    r: tokens.user,
    u: tokens.localUser,
  };
  return text.replaceAll(/%(.)/g, (whole, letter: string) => values[letter] ?? whole);
}
