/** Which branch means what: the flake's output `bungee.ci`, and what holds without it. */
import { z } from "zod";
import { group, isSet, oneOf, text } from "../fleet/fields.ts";
import { pattern } from "../fleet/pattern.ts";
import { sentences, show, withoutNulls } from "../fleet/sentences.ts";
import { configurationError } from "../fleet/settings.ts";
import { ACTIONS, REBOOTS } from "../run/outcome.ts";

const BRANCH = "the name of a branch";
const PATTERN = "a branch, or a pattern of branches such as release/*";
const PREFIX = "what the names of test branches begin with, such as test-";
const SELECTORS = "a list of selectors, as bungee deploy takes them";

/** Of git's rules for a name, those that keep a slip from being one; and a branch is not called by its ref. */
const branchName = (expected: string) => text(expected, /^(?!refs\/)[^\s\p{Cc}~^:\\]+$/u);

const ruleSchema = group({
  branch: branchName(PATTERN).refine(isPattern, { error: PATTERN }),
  select: z.array(text("a selector", /\S/), { error: SELECTORS }).min(1, { error: SELECTORS }).optional(),
  action: oneOf(ACTIONS).optional(),
  reboot: oneOf(REBOOTS).optional(),
});

const ciSchema = group({
  main: branchName(BRANCH).optional(),
  testPrefix: branchName(PREFIX).optional(),
  rules: z.array(ruleSchema, { error: "a list of rules" }).optional(),
});

export type Rule = z.output<typeof ruleSchema>;

export interface CiRules {
  /** All enabled nodes, switch. */
  readonly main: string;
  /** Before a node's name: that node alone, test. */
  readonly testPrefix: string;
  /** Come before those two; the first that matches holds. */
  readonly rules: readonly Rule[];
}

/** @throws ConfigurationError naming every wrong field */
export function readRules(input: unknown): CiRules {
  const value = withoutNulls(input);
  const written = isSet(value) && Array.isArray(value.rules) ? { ...value, rules: value.rules.map(rule) } : value;
  const parsed = ciSchema.safeParse(written);
  if (!parsed.success) throw configurationError(sentences(ciSchema, "bungee.ci", written, parsed.error));
  const { main = "main", testPrefix = "test-", rules = [] } = parsed.data;
  const errors = rules.flatMap(impossible);
  if (errors.length > 0) throw configurationError(errors);
  return { main, testPrefix, rules };
}

const rule = (value: unknown) => (isSet(value) ? withoutNulls(value) : value);

function impossible({ action = "switch", reboot = "never" }: Rule, index: number): string[] {
  if (reboot === "never" || action === "switch" || action === "boot") return [];
  return [`bungee.ci.rules[${index}].reboot: ${show(reboot)} means nothing with the action ${show(action)}`];
}

function isPattern(text: string): boolean {
  try {
    pattern(text);
    return true;
  } catch {
    return false;
  }
}
