/** What a host answers: noise, answers, answers that are none, and a log that plays the activator. */
import assert from "node:assert/strict";
import { z } from "zod";
import { factsSchema, parseAnswer, releaseSchema, statusSchema } from "../../src/activator/protocol.ts";
import { BungeeError, LockedError, ProtocolError, RefusedError } from "../../src/errors.ts";
import type { Random } from "../chaos/random.ts";
import { hostileText, hostileValue, listOf, mutated, toJson } from "./hostile.ts";
import { pure } from "./target.ts";

const SCHEMAS: Readonly<Record<string, z.ZodType>> = { status: statusSchema, stage: releaseSchema, facts: factsSchema };
/** Any answer that the schema takes. */
function valid(random: Random, schema: unknown): unknown {
  if (schema instanceof z.ZodObject) {
    const fields = Object.entries(schema.shape).map(([key, field]) => [key, valid(random, field)]);
    return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
  }
  if (schema instanceof z.ZodNullable) return random.chance(40) ? null : valid(random, schema.unwrap());
  if (schema instanceof z.ZodOptional) return random.chance(40) ? undefined : valid(random, schema.unwrap());
  if (schema instanceof z.ZodArray) return listOf(random, 0, 3, () => valid(random, schema.element));
  if (schema instanceof z.ZodEnum) return random.pick(schema.options);
  if (schema instanceof z.ZodNumber) return random.pick([0, 1, 4, 1e9, 2 ** 40]);
  if (schema instanceof z.ZodBoolean) return random.chance(50);
  if (schema instanceof z.ZodString) return hostileText(random);
  throw new Error(`a kind of field that is not known here: ${schema}`);
}

const CODES = new Map([
  ["usage", 64],
  ["no-such-run", 66],
  ["locked", 75],
]);

/** How the activator and the shell around it may have ended. */
type Kind = "answered" | "refused" | "mistyped" | "silent" | "cut" | "mutated";

interface Input {
  readonly kind: Kind;
  readonly verb: string;
  readonly stdout: string;
  readonly truth: Readonly<Record<string, unknown>> | undefined;
  readonly code: number | null;
  readonly signal: string | null;
}

const lineOf = (fields: object) => toJson({ protocol: 2, ...fields });

/** What may stand before an answer: the words of a login shell, and of a system that is activated, which may be anything. */
function noise(random: Random): string {
  return listOf(random, 0, 4, () => {
    const fake = () => lineOf(valid(random, random.pick(Object.values(SCHEMAS))) as object);
    return `${random.pick([hostileText(random), fake(), fake(), lineOf({ error: "locked", message: "fake" }), '{"protocol":2,"x":1}'])}\n`;
  }).join("");
}

function generate(random: Random): Input {
  const kind = random.pick<Kind>(["answered", "refused", "mistyped", "silent", "cut", "mutated"]);
  const verb = random.pick(Object.keys(SCHEMAS));
  const fields = valid(random, SCHEMAS[verb]) as Readonly<Record<string, unknown>>;
  const before = noise(random);
  const input = { kind, verb, truth: undefined, code: 0, signal: null };
  switch (kind) {
    case "answered":
      return { ...input, stdout: `${before}${lineOf(fields)}\n`, truth: fields };
    case "refused": {
      const error = random.pick(["usage", "locked", "no-such-run", "other-host", "constructor", hostileText(random)]);
      const truth = { error, message: hostileText(random) };
      return { ...input, stdout: `${before}${lineOf(truth)}\n`, truth, code: CODES.get(error) ?? 65 };
    }
    case "mistyped": {
      const truth = { ...fields, [random.pick(Object.keys(fields))]: hostileValue(random) };
      return { ...input, stdout: `${before}${lineOf(truth)}\n`, truth };
    }
    case "silent": {
      const code = random.pick([null, 1, 2, 126, 127, 137, 143, 255]);
      return { ...input, stdout: before, code, signal: code === null ? "KILL" : null };
    }
    case "cut": {
      const whole = `${before}${lineOf(fields)}`;
      return {
        ...input,
        stdout: whole.slice(0, random.integer(before.length, whole.length - 1)),
        code: null,
        signal: "TERM",
      };
    }
    default:
      return { ...input, stdout: `${before}${mutated(random, lineOf(fields))}\n` };
  }
}

function check({ kind, verb, stdout, truth, code, signal }: Input): void {
  let answer: unknown;
  try {
    answer = parseAnswer(SCHEMAS[verb]!, verb, { code, signal, stdout, stderr: "" });
  } catch (error) {
    assert.ok(error instanceof BungeeError, `not an error of ours: ${error}`);
    assert.ok(error.message.length < 2000, `the message has ${error.message.length} characters`);
    assert.equal(typeof error.mend, "string");
    assert.ok((error.detail ?? "").length < 10_000, "the detail is too long");
    if (kind === "answered") throw error;
    if (kind === "refused") {
      const word = /^[a-z][a-z0-9-]{0,63}$/.test(String(truth!.error));
      const expected = !word ? ProtocolError : truth!.error === "locked" ? LockedError : RefusedError;
      assert.ok(error instanceof expected, `a refusal became ${error.name}`);
    } else if (kind !== "mutated") assert.ok(error instanceof ProtocolError, `${kind} became ${error.name}`);
    return;
  }
  assert.ok(kind !== "silent" && kind !== "cut" && kind !== "refused", `${kind}, and an answer was made out of it`);
  if (kind === "answered") assert.deepEqual(answer, truth);
  if (kind === "mistyped") assert.deepEqual(answer, SCHEMAS[verb]!.parse(JSON.parse(toJson(truth))));
}

export const protocol = pure<Input>({ name: "protocol", share: 2000, generate, check });
