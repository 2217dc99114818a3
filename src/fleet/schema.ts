/** What may be set for a node, and where it is wrong. The NixOS module (nix/) says the same. */
import { z } from "zod";
import { address, flag, group, isSet, oneOf, port, seconds, text, timeout } from "./fields.ts";
import { healthChecksSchema, writtenOut } from "./health-checks.ts";
import { noSuchSetting, sentences, show, withoutNulls } from "./sentences.ts";

const USER = "a user name";
const KEY_FILE = "the path of a private key; not one in the nix store, where everybody can read it";
const NODE = "a node's name: letters, digits, and any of . _ -";
const LABEL_KEY = "a label's name: letters, digits, and any of . _ / -";
const LABEL_VALUE = "a label's value: text without spaces, + or control characters";

/**
 * Options of ssh_config that a flake may set: none of them runs a program here or weakens the check of host keys, and both transports
 * honour each.
 */
export const SSH_OPTIONS = [
  "AddressFamily",
  "BindAddress",
  "BindInterface",
  "CertificateFile",
  "Ciphers",
  "Compression",
  "ConnectTimeout",
  "HostKeyAlgorithms",
  "HostKeyAlias",
  "IdentitiesOnly",
  "IdentityAgent",
  "KexAlgorithms",
  "MACs",
  "ProxyJump",
  "ServerAliveCountMax",
  "ServerAliveInterval",
] as const;
const SSH_OPTION_NAME = new RegExp(`^(${SSH_OPTIONS.join("|")})$`);
const SSH_OPTION = `one of ${SSH_OPTIONS.join(", ")}; others belong into ~/.ssh/config`;
const SSH_OPTION_VALUE = "an option's value: text of one line without quotes or what a shell would read";

export const settingsSchema = group({
  addresses: z.array(address, { error: "a list of addresses" }).min(1, { error: "a list of at least one address" }),
  user: text(USER, /^[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?$/),
  port,
  identityFile: text(KEY_FILE, /^(?!-|\/nix\/store\/)[^\0\n\r]+$/),
  // Nix users write `tier = 1`: numbers and booleans are taken as the text that a selector can name.
  labels: z.record(
    text(LABEL_KEY, /^[\p{L}\p{N}._/-]+$/u),
    z
      .union([z.string(), z.number(), z.boolean()], { error: LABEL_VALUE })
      .transform(String)
      .pipe(text(LABEL_VALUE, /^[^\s+\p{Cc}]*$/u)),
    { error: "an attribute set of labels" },
  ),
  after: z.array(z.string({ error: "the name of a node" }), { error: "a list of nodes' names" }),
  enable: flag,
  build: oneOf(["local", "target"]),
  ssh: oneOf(["auto", "ssh2", "openssh"]),
  sshOptions: z.record(
    text(SSH_OPTION, SSH_OPTION_NAME),
    text(SSH_OPTION_VALUE, /^(?!-)[^\p{Cc}"'`$\\;&<>|(){}]{1,1000}$/u),
    {
      error: "an attribute set of options of ssh_config",
    },
  ),
  elevation: oneOf(["auto", "none", "sudo", "doas", "run0"]),
  substituteOnTarget: flag,
  requireSignature: flag,
  node: text(NODE, /^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/),
  activation: group({ timeout, allowFailedUnits: flag }).partial(),
  confirmation: group({ timeout, retryEvery: seconds }).partial(),
  healthChecks: healthChecksSchema,
  rollback: group({ enable: flag }).partial(),
  reboot: group({ allow: flag, timeout }).partial(),
}).partial();

/** Each field may be left out; what is left out comes from the next layer. */
export type Settings = z.output<typeof settingsSchema>;

/** What cannot be the same for every node. */
export const NOT_A_DEFAULT: readonly string[] = ["addresses", "after", "node"];

export interface Checked {
  readonly settings: Settings;
  /** One for each wrong field, whole sentences. */
  readonly errors: readonly string[];
}

/**
 * `null` counts as left out, as NixOS options without a value are.
 * @param at where it stands: "nixosConfigurations.web1.config.bungee"
 */
export function checkSettings(at: string, input: unknown, use: "node" | "defaults" = "node"): Checked {
  const value = withShorthands(withoutNulls(input));
  const forEach = use === "defaults" && isSet(value) ? NOT_A_DEFAULT.filter((key) => key in value) : [];
  const errors = forEach.map((key) => `${at}.${key}: cannot be the same for every node; set it for each`);
  const parsed = settingsSchema.safeParse(value);
  if (parsed.success) return { settings: parsed.data, errors };
  return { settings: {}, errors: [...errors, ...sentences(settingsSchema, at, value, parsed.error)] };
}

const PARTS = ["defaults", "nodes", "ci"];

/** The flake output `bungee`, split into its parts; theirs are not checked yet. */
export function checkFleetOutput(input: unknown): {
  readonly defaults: unknown;
  readonly nodes: Readonly<Record<string, unknown>>;
  readonly ci: unknown;
  readonly errors: readonly string[];
} {
  const value = withoutNulls(input);
  if (!isSet(value)) {
    return { defaults: {}, nodes: {}, ci: {}, errors: [`bungee: ${show(value)} is not an attribute set`] };
  }
  const { defaults = {}, nodes = {}, ci = {}, ...others } = value;
  const errors = Object.keys(others).map((key) => noSuchSetting("bungee", key, others[key], PARTS));
  if (isSet(nodes)) return { defaults, nodes, ci, errors };
  return { defaults, nodes: {}, ci, errors: [...errors, `bungee.nodes: ${show(nodes)} is not an attribute set`] };
}

function withShorthands(value: unknown): unknown {
  return isSet(value) && "healthChecks" in value ? { ...value, healthChecks: writtenOut(value.healthChecks) } : value;
}
