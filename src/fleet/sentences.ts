/** What a person reads of a setting that is wrong: where it stands, what it holds, and what was meant. */
import { z } from "zod";
import { isSet } from "./fields.ts";
import { didYouMean } from "./nearest.ts";

/**
 * One sentence for each wrong field.
 * @param at where the whole stands: "nixosConfigurations.web1.config.bungee"
 */
export function sentences(schema: z.ZodType, at: string, input: unknown, error: z.ZodError): string[] {
  return error.issues.flatMap((issue) => ofIssue(schema, at, input, issue));
}

/** A field's path as it is written in Nix. */
export function attributePath(...names: readonly PropertyKey[]): string {
  return names
    .map(String)
    .map((name) => shortened(/^[A-Za-z_][\w'-]*$/.test(name) ? name : JSON.stringify(name)))
    .join(".");
}

/** How an unexpected value looks in a message. */
export function show(value: unknown): string {
  try {
    return shortened(JSON.stringify(value) ?? "nothing");
  } catch {
    // JSON.stringify goes down to the bottom, and its stack has an end.
    return "a value of thousands of levels";
  }
}

/** The sentence for a name that nobody knows. */
export function noSuchSetting(at: string, key: string, value: unknown, valid: readonly string[]): string {
  return `${at}.${attributePath(key)}: no such setting (it is ${show(value)})${didYouMean(key, valid)}`;
}

/** `null` counts as left out, as NixOS options without a value are. */
export function withoutNulls(value: unknown, levels = 10): unknown {
  if (!isSet(value)) return value ?? {};
  const kept = Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined);
  const deeper = (inner: unknown) => (isSet(inner) && levels > 0 ? withoutNulls(inner, levels - 1) : inner);
  return Object.fromEntries(kept.map(([key, inner]) => [key, deeper(inner)]));
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function ofIssue(schema: z.ZodType, at: string, input: unknown, issue: z.core.$ZodIssue): string[] {
  const place = [at, ...issue.path.map((name) => (typeof name === "number" ? `[${name}]` : attributePath(name)))]
    .join(".")
    .replaceAll(".[", "[");
  const value = issue.path.reduce<unknown>((inside, key) => (inside as Record<PropertyKey, unknown>)?.[key], input);
  if (issue.code === "unrecognized_keys") {
    const valid = namesAt(schema, issue.path);
    return issue.keys.map((key) => noSuchSetting(place, key, (value as Record<string, unknown>)[key], valid));
  }
  if (issue.code === "invalid_key")
    return [`${place}: is not ${issue.issues[0]?.message ?? "a name that it can have"}`];
  return [`${place}: ${show(value)} is not ${issue.message}`];
}

/** The valid names inside the group at `path`. */
function namesAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  const inner = path.reduce(within, schema);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

function within(schema: unknown, key: PropertyKey): unknown {
  let inner: unknown;
  if (schema instanceof z.ZodObject) inner = schema.shape[String(key)];
  if (schema instanceof z.ZodRecord) inner = schema.valueType;
  if (schema instanceof z.ZodArray) inner = schema.element;
  if (inner instanceof z.ZodOptional) inner = inner.unwrap();
  return inner instanceof z.ZodPipe ? inner.in : inner;
}
