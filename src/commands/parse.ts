/** From the words of a command line to the verb that is meant, with nothing done yet; or to a text that answers (help, version). */
import { readFileSync } from "node:fs";
import yargs, { type Argv } from "yargs";
import { UsageError } from "../errors.ts";
import { didYouMean } from "../fleet/nearest.ts";
import { helpOf, helpOfAll } from "./help.ts";
import type { Flag, Streams, Typed, Verb } from "./verb.ts";

export type Parsed =
  | { readonly kind: "run"; readonly run: () => Promise<number> }
  /** `exitCode` 2: printed since nothing was asked for. */
  | { readonly kind: "answer"; readonly text: string; readonly exitCode: 0 | 2 };

/** Understood by every verb, and without one. */
const COMMON: Readonly<Record<string, Flag>> = {
  help: { alias: "h", describe: "print this" },
  version: { describe: "print the version" },
};

const COMPLETION = "completion";

/** @throws UsageError for what no verb understands */
export async function parse(args: readonly string[], verbs: readonly Verb[], streams: Streams): Promise<Parsed> {
  refuseNamesOfYargs(args);
  const cli = withoutManners(yargs([...args]));
  // Choices are for completion only: readChoice says better what is wrong.
  const completing = beforeDashes(args).includes("--get-yargs-completions");
  let parsed: Parsed | undefined;
  for (const verb of verbs) {
    const options = yargsOptions({ ...verb.flags, ...COMMON }, completing);
    cli.command(`${verb.name} [selectors..]`, verb.describe, options, (raw) => {
      parsed = forVerb(verb, raw as unknown as Raw, streams);
    });
  }
  // Printed by yargs itself: the completion script, and completions.
  let printed = "";
  let rest: unknown;
  await cli.parseAsync([...args], {}, (_error, raw, output) => {
    printed += output;
    rest = raw;
  });
  if (printed !== "") return { kind: "answer", text: printed, exitCode: 0 };
  return parsed ?? withoutVerb(rest as Raw, verbs);
}

/** Behind `--` everything is a selector. */
function beforeDashes(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end < 0 ? args : args.slice(0, end);
}

/** yargs has places of its own for these, and looks flags up in plain objects, where `constructor` and its like are found. */
function refuseNamesOfYargs(args: readonly string[]): void {
  const flags = beforeDashes(args).filter((word) => word.startsWith("-"));
  const found = flags.find((word) => {
    const name = word.replace(/^--?/, "").replace(/=.*$/s, "");
    return name in Object.prototype || ["_", "$0", "selectors"].includes(name) || /^-[^-=]*_/.test(word);
  });
  if (found !== undefined) throw new UsageError(`there is no flag ${found}`, { mend: "see bungee --help" });
}

/** As yargs gives it. */
interface Raw {
  readonly _: readonly (string | number)[];
  readonly selectors?: readonly string[];
  readonly [flag: string]: unknown;
}

function forVerb(verb: Verb, raw: Raw, streams: Streams): Parsed {
  const known = { ...verb.flags, ...COMMON };
  const flags = readFlags(raw, known, `for bungee ${verb.name}`, `see bungee ${verb.name} --help`);
  if (flags.has("help")) return { kind: "answer", text: helpOf(verb), exitCode: 0 };
  if (flags.has("version")) return { kind: "answer", text: version(), exitCode: 0 };
  // What stands after -- is left in `_`, behind the verb's name.
  const selectors = [...(raw.selectors ?? []), ...raw._.slice(1)].map(String);
  return { kind: "run", run: verb.prepare({ selectors, flags }, streams) };
}

function withoutVerb(raw: Raw, verbs: readonly Verb[]): Parsed {
  const [word] = raw._.map(String);
  const names = [...verbs.map(({ name }) => name), COMPLETION];
  if (word !== undefined) {
    const mend = `give one of: ${names.join(", ")}`;
    throw new UsageError(`there is no command ${word}${didYouMean(word, names)}`, { mend });
  }
  const flags = readFlags(raw, COMMON, "before the command", "flags stand behind it: see bungee --help");
  if (flags.has("version")) return { kind: "answer", text: version(), exitCode: 0 };
  return { kind: "answer", text: helpOfAll(verbs), exitCode: flags.has("help") ? 0 : 2 };
}

/** Strict, and with the nearest name; yargs' own checks do not tell it. */
function readFlags(raw: Raw, known: Readonly<Record<string, Flag>>, where: string, mend: string): Typed["flags"] {
  const flags = new Map<string, string | true>();
  for (const [name, value] of Object.entries(raw)) {
    if (["_", "$0", "selectors"].includes(name) || value === undefined || value === false) continue;
    const shown = name.length === 1 ? `-${name}` : `--${name}`;
    const flag = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!flag) {
      const meant = didYouMean(name, Object.keys(known)).replace("mean ", "mean --");
      throw new UsageError(`there is no flag ${shown} ${where}${meant}`, { mend });
    }
    if (Array.isArray(value)) throw new UsageError(`${shown} is given ${value.length} times`, { mend: "give it once" });
    flags.set(name, flag.value ? String(value) : true);
  }
  return flags;
}

function yargsOptions(flags: Readonly<Record<string, Flag>>, completing: boolean) {
  return Object.fromEntries(
    Object.entries(flags).map(([name, { alias, describe, value, choices }]) => [
      name,
      {
        type: value ? ("string" as const) : ("boolean" as const),
        describe,
        ...(alias ? { alias } : {}),
        ...(choices && completing ? { choices } : {}),
      },
    ]),
  );
}

/** yargs splits words and completes them; what is right and what is printed is decided here. */
function withoutManners(cli: Argv): Argv {
  return cli
    .scriptName("bungee")
    .parserConfiguration({
      // Flags are what they are called: --no-rollback is a flag of its own, and a.b is a name.
      "boolean-negation": false,
      "camel-case-expansion": false,
      "dot-notation": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "strip-aliased": true,
    })
    .help(false)
    .version(false)
    .options(yargsOptions(COMMON, false))
    .completion(COMPLETION, "print a completion script")
    .detectLocale(false)
    .exitProcess(false)
    .fail(false);
}

function version(): string {
  const manifest = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}
