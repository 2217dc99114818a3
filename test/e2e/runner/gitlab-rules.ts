/** The expressions of GitLab's `rules`, as far as ours go: variables, texts, `==`, `!=`, `&&`, `||`. Anything else is an error. */

type Variables = Readonly<Record<string, string>>;

/** A variable that is not there is null, and null is not true; nor is an empty text. */
type Value = string | null;

export function isTrue(expression: string, variables: Variables): boolean {
  return alternatives(expression).some((all) => all.every((one) => term(one, variables)));
}

const alternatives = (text: string): string[][] =>
  text.split("||").map((each) => each.split("&&").map((one) => one.trim()));

function term(text: string, variables: Variables): boolean {
  const [, left = "", operator, right = ""] = /^(\S+)(?: (==|!=) (\S+))?$/.exec(text) ?? [];
  if (left === "") throw new Error(`not a condition: ${text}`);
  if (operator === undefined) return Boolean(readValue(left, variables));
  return (readValue(left, variables) === readValue(right, variables)) === (operator === "==");
}

function readValue(text: string, variables: Variables): Value {
  if (text === "null") return null;
  const [, name] = /^\$([A-Z_]+)$/.exec(text) ?? [];
  if (name !== undefined) return variables[name] ?? null;
  const [, literal] = /^"([^"$]*)"$/.exec(text) ?? [];
  if (literal === undefined) throw new Error(`neither a variable nor a text: ${text}`);
  return literal;
}
