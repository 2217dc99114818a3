/** `${{ … }}`, by GitHub's own library. A name that the runner does not give is an error here, and not an empty text as it is there. */
import { data, Evaluator, Lexer, Parser } from "@actions/expressions";
import type { FunctionInfo } from "@actions/expressions/funcs/info";

/** By name, as JSON has values; of a function, what it gives. */
export type Contexts = Readonly<Record<string, unknown>>;

export interface Expressions {
  readonly contexts: Contexts;
  /** What `success()` and `failure()` say: whether everything before went well. */
  readonly ok: boolean;
}

class Strict extends data.Dictionary {
  readonly #name: string;

  constructor(name: string, entries: readonly (readonly [string, data.ExpressionData])[]) {
    super(...entries.map(([key, value]) => ({ key, value })));
    this.#name = name;
  }

  override get(key: string): data.ExpressionData | undefined {
    const value = super.get(key);
    if (value === undefined) throw new Error(`there is no ${this.#name}.${key}`);
    return value;
  }
}

/** Gives what it is, as JSON has it. */
export function evaluate(code: string, { contexts, ok }: Expressions): unknown {
  const { tokens } = new Lexer(code).lex();
  const names = Object.keys(contexts);
  const parsed = new Parser(tokens, names, [...STATUS.keys()].map(statusFunction)).parse();
  const functions = new Map(
    [...STATUS].map(([name, says]) => [name, { ...statusFunction(name), call: () => new data.BooleanData(says(ok)) }]),
  );
  const context = new Strict(
    "context",
    names.map((name) => [name, strict(name, contexts[name])] as const),
  );
  const value = new Evaluator(parsed, context, functions).evaluate();
  return JSON.parse(JSON.stringify(value, data.replacer));
}

/** Text with expressions in it. */
export function interpolate(text: string, expressions: Expressions): string {
  return text.replaceAll(EXPRESSION, (_, code: string) => asText(evaluate(code, expressions)));
}

/** A value of a workflow's: one expression alone gives what it is, text with expressions in it is text. */
export function resolve(value: unknown, expressions: Expressions): unknown {
  if (typeof value !== "string") return value;
  const alone = /^\$\{\{((?:(?!\}\}).)*)\}\}$/s.exec(value.trim());
  return alone ? evaluate(alone[1]!, expressions) : interpolate(value, expressions);
}

/** Of an `if`: without a word on the status, everything before has to have gone well. */
export function isMet(condition: unknown, expressions: Expressions): boolean {
  const code = String(condition ?? "success()").replace(/^\$\{\{(.*)\}\}$/s, "$1");
  const named = [...STATUS.keys()].some((name) => new RegExp(`\\b${name}\\(`).test(code));
  return Boolean(evaluate(named ? code : `success() && (${code})`, expressions));
}

/** An expression in a script is text that the shell reads as its own: none of ours may have one. */
export const hasExpression = (text: string): boolean => new RegExp(EXPRESSION.source).test(text);

const EXPRESSION = /\$\{\{((?:(?!\}\}).)*)\}\}/gs;

const STATUS: ReadonlyMap<string, (ok: boolean) => boolean> = new Map<string, (ok: boolean) => boolean>([
  ["success", (ok) => ok],
  ["failure", (ok) => !ok],
  ["always", () => true],
]);

const statusFunction = (name: string): FunctionInfo => ({ name, minArgs: 0, maxArgs: 0 });

function strict(name: string, value: unknown): data.ExpressionData {
  if (value === undefined) throw new Error(`${name} is undefined`);
  if (value === null) return new data.Null();
  if (typeof value === "string") return new data.StringData(value);
  if (typeof value === "boolean") return new data.BooleanData(value);
  if (typeof value === "number") return new data.NumberData(value);
  if (Array.isArray(value)) return new data.Array(...value.map((each, index) => strict(`${name}[${index}]`, each)));
  return new Strict(
    name,
    Object.entries(value as object).map(([key, each]) => [key, strict(`${name}.${key}`, each)]),
  );
}

function asText(value: unknown): string {
  if (value === null) return "";
  if (typeof value === "object") throw new Error(`text is wanted, and this is ${JSON.stringify(value)}`);
  return String(value);
}
