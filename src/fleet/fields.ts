/** What a setting may hold. Every message is what the value should have been; `checkSettings` puts field and value before it. */
import { z } from "zod";

export const flag = z.boolean({ error: "true or false" });
export const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, { error: `one of ${values.map((value) => JSON.stringify(value)).join(", ")}` });
export const seconds = z
  .number({ error: "a number of seconds above 0" })
  .positive({ error: "a number of seconds above 0" });
export const whole = (what: string, least: number, most: number) => {
  const error = `${what}, ${least} to ${most}`;
  return z.number({ error }).int({ error }).min(least, { error }).max(most, { error });
};
/** Seconds, a day: a host that needs longer has another problem. */
export const LONGEST_TIMEOUT = 24 * 60 * 60;
/** The activator counts in whole seconds. */
export const timeout = whole("a whole number of seconds", 1, LONGEST_TIMEOUT);
export const port = whole("a port", 1, 65535);
export const text = (expected: string, pattern: RegExp) =>
  z.string({ error: expected }).regex(pattern, { error: expected });
const ADDRESS = "a host name or an IP address, without spaces, user or port";
export const address = text(ADDRESS, /^[\p{L}\p{N}_.:%[\]][\p{L}\p{N}_.:%[\]-]*$/u);
export const group = <Shape extends z.ZodRawShape>(shape: Shape) => z.strictObject(shape, { error: errorOfSet });

/** Only unknown keys have a text of their own, made later with the valid names at hand. */
function errorOfSet(issue: { readonly code: string }): string | undefined {
  return issue.code === "unrecognized_keys" ? undefined : "an attribute set";
}

export function isSet(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
