/** What makes a host well, as a node's settings say it. The NixOS module (nix/) says the same. */
import { BlockList, isIPv4 } from "node:net";
import { z } from "zod";
import { address, group, isSet, oneOf, port, seconds, text, timeout, whole } from "./fields.ts";

/** Who asks: the one shows that the host can be reached, the other reaches what is not for everybody. */
export type From = "deployer" | "host";

/** A unit that runs, and goes on running for so many seconds without a restart. */
type UnitProbe = { readonly kind: "unit"; readonly unit: string; readonly seconds: number };
/** A shell command, as root on the host. */
type CommandProbe = { readonly kind: "command"; readonly command: string };
export type HttpProbe = {
  readonly kind: "http";
  readonly from: From;
  readonly url: string;
  /** null: any from 200 to 299. */
  readonly status: number | null;
  readonly contains: string | null;
  /** Where to connect; null: where the URL leads. */
  readonly address: string | null;
};
export type TcpProbe = {
  readonly kind: "tcp";
  readonly from: From;
  readonly port: number;
  /** null: the host itself, by the address that answered or as localhost. */
  readonly address: string | null;
};
export type Probe = UnitProbe | CommandProbe | HttpProbe | TcpProbe;

export interface HealthCheck {
  readonly probe: Probe;
  /** Seconds from the end of a try to the next. */
  readonly period: number;
  /** Seconds that a try may take. */
  readonly timeout: number;
  /** Failures in a row that are forgiven; null: all, until the confirmation's time is over. */
  readonly retries: number | null;
}

const KINDS = ["unit", "command", "http", "tcp"] as const;
const ONE_KIND = `a health check: it needs one of ${KINDS.join(", ")}, and only one`;
const UNIT = 'the name of a unit, as in "nginx.service"';
const LONGEST_COMMAND = 64 * 1024;
const COMMAND = "a shell command of at most 64 KiB";
const URL_EXPECTED = "an http or https URL, without a user or password";
export const FROM_HERE =
  'a URL that leads to the host: asked by the deployer, it leads to the deployer itself; set from = "host"';
const CONTAINS = "a text of one line";
const NAME = "a health check's name: letters, digits, and any of . _ -";

const from = oneOf(["deployer", "host"]).default("deployer");

const checkSchema = group({
  unit: group({
    name: text(UNIT, /^(?!.{256})[\w:.\\@][\w:.\\@-]*\.[a-z]+$/),
    // A unit that dies and is started again, over and over, is active for moments.
    for: whole("a whole number of seconds", 0, 3600).default(3),
  }),
  command: text(COMMAND, /^(?!\s*$)[^\0]+$/).max(LONGEST_COMMAND, { error: COMMAND }),
  http: group({
    url: z.string({ error: URL_EXPECTED }).refine(isHttp, { error: URL_EXPECTED }),
    status: whole("an HTTP status", 100, 599).optional(),
    contains: text(CONTAINS, /^[^\p{Cc}]{1,1000}$/u).optional(),
    address: address.optional(),
    from,
  }).refine((http) => http.from === "host" || http.address !== undefined || !leadsToAsker(http.url), {
    error: FROM_HERE,
    path: ["url"],
  }),
  tcp: group({ port, address: address.optional(), from }),
  period: seconds,
  timeout,
  retries: whole("a whole number", 0, 1000),
})
  .partial()
  .refine((check) => KINDS.filter((kind) => check[kind] !== undefined).length === 1, {
    error: ONE_KIND,
    // A kind that is misspelt is told as that.
    when: ({ issues }) => issues.length === 0,
  });

export const healthChecksSchema = z.record(
  text(NAME, /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  checkSchema.transform(
    ({ period = 1, timeout = 5, retries = null, ...kinds }): HealthCheck => ({
      probe: probeOf(kinds),
      period,
      timeout,
      retries,
    }),
  ),
  { error: "an attribute set of health checks" },
);

function probeOf({ unit, command = "", http, tcp }: Partial<z.output<typeof checkSchema>>): Probe {
  if (unit) return { kind: "unit", unit: unit.name, seconds: unit.for };
  if (http) {
    const { url, status = null, contains = null, address } = http;
    return { kind: "http", from: http.from, url: new URL(url).href, status, contains, address: bare(address) };
  }
  if (tcp) return { kind: "tcp", from: tcp.from, port: tcp.port, address: bare(tcp.address) };
  return { kind: "command", command };
}

/** `http = "https://…"`, `tcp = 5432` and `unit = "nginx.service"`, written out. */
export function writtenOut(checks: unknown): unknown {
  if (!isSet(checks)) return checks;
  return mapValues(checks, (check) => {
    if (!isSet(check)) return check;
    return mapValues(check, (value, key) => {
      if (key === "unit" && typeof value === "string") return { name: value };
      if (key === "http" && typeof value === "string") return { url: value };
      if (key === "tcp" && typeof value === "number") return { port: value };
      return value;
    });
  });
}

/** Whole sentences on what can never be confirmed in time. */
export function tooLong(at: string, checks: Readonly<Record<string, HealthCheck>>, confirmation: number): string[] {
  return Object.entries(checks).flatMap(([name, { probe }]) =>
    probe.kind === "unit" && probe.seconds >= confirmation
      ? [`${at}.${name}.unit.for: ${probe.seconds} is not less than confirmation.timeout, ${confirmation}`]
      : [],
  );
}

function isHttp(value: string): boolean {
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) return false;
  const { username, password } = new URL(value);
  return username === "" && password === "";
}

/** Addresses of whoever connects to them; an IPv4 one in IPv6's clothes is found as well. */
const OWN = new BlockList();
OWN.addSubnet("127.0.0.0", 8);
OWN.addAddress("0.0.0.0");
OWN.addAddress("::", "ipv6");
OWN.addAddress("::1", "ipv6");

/** In a URL, each address is spelt in one way only: 127.1 and 0x7f000001 are 127.0.0.1. */
function leadsToAsker(url: string): boolean {
  if (!isHttp(url)) return false;
  const { hostname } = new URL(url);
  if (hostname.startsWith("[")) return OWN.check(bare(hostname)!, "ipv6");
  return isIPv4(hostname) ? OWN.check(hostname) : /^(.*\.)?localhost\.?$/.test(hostname);
}

/** An IPv6 address needs its brackets only in a URL. */
const bare = (address: string | undefined): string | null => address?.replace(/^\[(.*)\]$/, "$1") ?? null;

function mapValues(set: Record<string, unknown>, map: (value: unknown, key: string) => unknown) {
  return Object.fromEntries(Object.entries(set).map(([key, value]) => [key, map(value, key)]));
}
