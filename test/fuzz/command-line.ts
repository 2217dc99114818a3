/** The words after `bungee`: a verb's work is prepared, a text answers, or one error says what is wrong. Nothing else. */
import assert from "node:assert/strict";
import { deployVerb } from "../../src/commands/deploy.ts";
import { metricsVerb } from "../../src/commands/metrics.ts";
import { nodesVerb } from "../../src/commands/nodes.ts";
import { parse } from "../../src/commands/parse.ts";
import { planVerb } from "../../src/commands/plan.ts";
import { pushCacheVerb } from "../../src/commands/push-cache.ts";
import type { Typed, Verb } from "../../src/commands/verb.ts";
import { describeError, UsageError } from "../../src/errors.ts";
import { renderError } from "../../src/report/error.ts";
import { PLAIN } from "../../src/report/style.ts";
import type { Random } from "../chaos/random.ts";
import { fakeStreams } from "../unit/commands/streams.ts";
import { hostileText, listOf, mutated, plainWord } from "./hostile.ts";
import { pure } from "./target.ts";

type Input = readonly string[];

const VERBS: readonly Verb[] = [deployVerb, planVerb, nodesVerb, pushCacheVerb, metricsVerb];
const ODD = [
  "-",
  "--",
  "---",
  "-=",
  "--=",
  "-_",
  "--_",
  "--_=x",
  "--$0=x",
  "--selectors",
  "--selectors=x",
  "--no-",
  "--no-yes",
  "-h",
  "-vvv",
  "-y5",
  "--help=no",
  "--yes=false",
  "-1",
  "--1",
  "--a.b=c",
  "--get-yargs-completions",
  "completion",
  "--flake=",
  "--flake",
  "--",
  "--flake=.#web1",
  "--to=ssh://a@b:1",
  "--to=ssh://a@b:1/c",
  "--listen=[::1]:1",
  "--keep=0",
  "--parallel=1e9",
  "--parallel=-1",
  "--parallel=99999999999999999999",
];

function generate(random: Random): Input {
  const verb = random.pick(VERBS);
  const flag = () => {
    const [name, { value, choices }] = random.pick(Object.entries(verb.flags));
    const given = random.pick([...(choices ?? []), "1", "60", "x", hostileText(random)]);
    const text = random.chance(20) ? mutated(random, `--${name}`) : `--${name}`;
    if (value === undefined && random.chance(80)) return [text];
    return random.chance(50) ? [`${text}=${given}`] : [text, given];
  };
  const words = listOf(random, 0, 5, () => {
    const kind = random.integer(0, 9);
    if (kind < 5) return flag();
    if (kind < 7) return [plainWord(random)];
    return [kind < 8 ? random.pick(ODD) : hostileText(random)];
  });
  return [...(random.chance(85) ? [verb.name] : [hostileText(random)]), ...words.flat()];
}

async function check(args: Input): Promise<void> {
  let typed: Typed | undefined;
  const spies = VERBS.map(
    (verb): Verb => ({
      ...verb,
      prepare(seen, streams) {
        typed = seen;
        return verb.prepare(seen, streams);
      },
    }),
  );
  try {
    const parsed = await parse(args, spies, fakeStreams({ terminal: false }));
    for (const selector of typed?.selectors ?? []) assert.ok(args.includes(selector), `nobody said ${selector}`);
    for (const [name] of typed?.flags ?? [])
      assert.ok(
        args.some((word) => /^--?\w/.test(word)),
        `nobody said --${name}`,
      );
    if (parsed.kind === "answer")
      assert.ok(parsed.text.length > 0 && parsed.text.length < 10_000, "an answer without measure");
  } catch (error) {
    assert.ok(error instanceof UsageError, `not an error of ours: ${error instanceof Error ? error.stack : error}`);
    const lines = renderError(describeError(error), PLAIN);
    assert.ok(lines.length < 60, `the error takes ${lines.length} lines`);
  }
}

export const commandLine = pure<Input>({ name: "command-line", share: 600, generate, check });
