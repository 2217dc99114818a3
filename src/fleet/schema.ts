/** What may be set for a node, and where it is wrong. The NixOS module (nix/) says the same. */
import { z } from "zod";
import { didYouMean } from "./nearest.ts";

/** Every message is what the value should have been; `checkSettings` puts the field and the value before it. */
const flag = z.boolean({ error: "true or false" });
const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, { error: `one of ${values.map((value) => JSON.stringify(value)).join(", ")}` });
const seconds = z.number({ error: "a number of seconds above 0" }).positive({ error: "a number of seconds above 0" });
/** A day: a host that needs longer has another problem. The activator counts in whole seconds. */
const TIMEOUT = "a whole number of seconds, 1 to 86400";
const timeout = z
  .number({ error: TIMEOUT })
  .int({ error: TIMEOUT })
  .min(1, { error: TIMEOUT })
  .max(86400, { error: TIMEOUT });
const text = (expected: string, pattern: RegExp) => z.string({ error: expected }).regex(pattern, { error: expected });
const group = <Shape extends z.ZodRawShape>(shape: Shape) => z.strictObject(shape, { error: errorOfSet });

/** Only unknown keys have a text of their own, made later with the valid names at hand. */
function errorOfSet(issue: { readonly code: string }): string | undefined {
  return issue.code === "unrecognized_keys" ? undefined : "an attribute set";
}

const ADDRESS = "a host name or an IP address, without spaces, user or port";
const USER = "a user name";
const KEY_FILE = "the path of a private key; not one in the nix store, where everybody can read it";
const LABEL_KEY = "a label's name: letters, digits, and any of . _ / -";
const LABEL_VALUE = "a label's value: text without spaces, + or control characters";

export const settingsSchema = group({
  addresses: z
    .array(text(ADDRESS, /^[\p{L}\p{N}_.:%[\]][\p{L}\p{N}_.:%[\]-]*$/u), { error: "a list of addresses" })
    .min(1, { error: "a list of at least one address" }),
  user: text(USER, /^[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?$/),
  port: z
    .number({ error: "a port, 1 to 65535" })
    .int({ error: "a port, 1 to 65535" })
    .min(1, { error: "a port, 1 to 65535" })
    .max(65535, { error: "a port, 1 to 65535" }),
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
  elevation: oneOf(["auto", "none", "sudo"]),
  substituteOnTarget: flag,
  activation: group({ timeout }).partial(),
  confirmation: group({ timeout, retryEvery: seconds }).partial(),
  rollback: group({ enable: flag }).partial(),
}).partial();

/** Each field may be left out; what is left out comes from the next layer. */
export type Settings = z.output<typeof settingsSchema>;

/** What cannot be the same for every node. */
const NOT_A_DEFAULT: readonly string[] = ["addresses", "after"];

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
  const value = withoutNulls(input);
  const forEach = use === "defaults" && isSet(value) ? NOT_A_DEFAULT.filter((key) => key in value) : [];
  const errors = forEach.map((key) => `${at}.${key}: cannot be the same for every node; set it for each`);
  const parsed = settingsSchema.safeParse(value);
  if (parsed.success) return { settings: parsed.data, errors };
  for (const issue of parsed.error.issues) errors.push(...sentences(at, value, issue));
  return { settings: {}, errors };
}

/** The flake output `bungee`, split into its parts; theirs are not checked yet. */
export function checkFleetOutput(input: unknown): {
  readonly defaults: unknown;
  readonly nodes: Readonly<Record<string, unknown>>;
  readonly errors: readonly string[];
} {
  const value = withoutNulls(input);
  if (!isSet(value)) return { defaults: {}, nodes: {}, errors: [`bungee: ${show(value)} is not an attribute set`] };
  const { defaults = {}, nodes = {}, ...others } = value;
  const errors = Object.keys(others).map((key) => unknown("bungee", key, others[key], ["defaults", "nodes"]));
  if (isSet(nodes)) return { defaults, nodes, errors };
  return { defaults, nodes: {}, errors: [...errors, `bungee.nodes: ${show(nodes)} is not an attribute set`] };
}

/** A field's path as it is written in Nix. */
export function attributePath(...names: readonly PropertyKey[]): string {
  return names
    .map(String)
    .map((name) => (/^[A-Za-z_][\w'-]*$/.test(name) ? name : JSON.stringify(name)))
    .join(".");
}

/** How an unexpected value looks in a message. */
export function show(value: unknown): string {
  const json = JSON.stringify(value) ?? "nothing";
  return json.length > 60 ? `${json.slice(0, 57)}…` : json;
}

function sentences(at: string, input: unknown, issue: z.core.$ZodIssue): string[] {
  const place = [at, ...issue.path.map((name) => (typeof name === "number" ? `[${name}]` : attributePath(name)))]
    .join(".")
    .replaceAll(".[", "[");
  const value = issue.path.reduce<unknown>((inside, key) => (inside as Record<PropertyKey, unknown>)?.[key], input);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => unknown(place, key, (value as Record<string, unknown>)[key], namesAt(issue.path)));
  }
  if (issue.code === "invalid_key") return [`${place}: is not ${issue.issues[0]?.message ?? LABEL_KEY}`];
  return [`${place}: ${show(value)} is not ${issue.message}`];
}

function unknown(at: string, key: string, value: unknown, valid: readonly string[]): string {
  return `${at}.${attributePath(key)}: no such setting (it is ${show(value)})${didYouMean(key, valid)}`;
}

/** The valid names inside the group at `path`. */
function namesAt(path: readonly PropertyKey[]): string[] {
  let schema: unknown = settingsSchema;
  for (const key of path) {
    const inner = (schema as z.ZodObject).shape[String(key)];
    schema = inner instanceof z.ZodOptional ? inner.unwrap() : inner;
  }
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function isSet(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function withoutNulls(value: unknown): unknown {
  if (!isSet(value)) return value ?? {};
  const kept = Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined);
  return Object.fromEntries(kept.map(([key, inner]) => [key, isSet(inner) ? withoutNulls(inner) : inner]));
}
