import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { deployVerb } from "../../../src/commands/deploy.ts";
import { parse } from "../../../src/commands/parse.ts";
import { planVerb } from "../../../src/commands/plan.ts";
import type { Typed, Verb } from "../../../src/commands/verb.ts";
import { VERBS } from "../../../src/commands/verbs.ts";
import { UsageError } from "../../../src/errors.ts";
import { width } from "../../../src/report/text.ts";
import { fakeStreams } from "./streams.ts";

const streams = fakeStreams({ terminal: true });

/** What deploy is given for these words. */
async function typed(...words: string[]): Promise<{ selectors: readonly string[]; flags: Record<string, unknown> }> {
  let seen: Typed | undefined;
  const spy: Verb = {
    ...deployVerb,
    prepare(given) {
      seen = given;
      return async () => 0;
    },
  };
  const parsed = await parse(["deploy", ...words], [spy, planVerb], streams);
  assert.equal(parsed.kind, "run");
  return { selectors: seen!.selectors, flags: Object.fromEntries(seen!.flags) };
}

async function refused(...words: string[]): Promise<string> {
  const error = await parse(words, VERBS, streams).then(
    () => assert.fail("was not refused"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof UsageError, String(error));
  return `${error.message} | ${error.mend}`;
}

async function answer(...words: string[]): Promise<{ text: string; exitCode: number }> {
  const parsed = await parse(words, VERBS, streams);
  assert.ok(parsed.kind === "answer");
  return parsed;
}

test("every selector arrives, as text, in its order, from before and behind the flags", async () => {
  assert.deepEqual(
    await typed("10", "0x1", "!web2", "--yes", "role=dns+tier=prod", "-v", "web*", "--", "--odd", "last"),
    {
      selectors: ["10", "0x1", "!web2", "role=dns+tier=prod", "web*", "--odd", "last"],
      flags: { yes: true, verbose: true },
    },
  );
});

test("flags take their values with a blank or an equals sign", async () => {
  assert.deepEqual((await typed("--parallel", "3", "--report=json", "--flake", "a#b")).flags, {
    parallel: "3",
    report: "json",
    flake: "a#b",
  });
});

test("letters can be joined", async () => {
  assert.deepEqual((await typed("-yv")).flags, { yes: true, verbose: true });
});

test("--no-rollback is a flag, and no negation of another one", async () => {
  assert.deepEqual((await typed("--no-rollback")).flags, { "no-rollback": true });
  assert.deepEqual((await typed("--no-rollback=false")).flags, {});
});

test("a flag without its value is empty, not the next word", async () => {
  assert.deepEqual((await typed("--parallel", "--yes")).flags, { parallel: "", yes: true });
});

test("a negative number is a value", async () => {
  assert.deepEqual((await typed("--confirm-timeout", "-3")).flags, { "confirm-timeout": "-3" });
});

test("an unknown flag is refused, with the one that was meant", async () => {
  assert.equal(
    await refused("deploy", "web1", "--paralel", "3"),
    "there is no flag --paralel for bungee deploy; did you mean --parallel? | see bungee deploy --help",
  );
  assert.equal(
    await refused("deploy", "--no-rolback"),
    "there is no flag --no-rolback for bungee deploy; did you mean --no-rollback? | see bungee deploy --help",
  );
  assert.equal(
    await refused("deploy", "--rollback"),
    "there is no flag --rollback for bungee deploy | see bungee deploy --help",
  );
  assert.equal(await refused("nodes", "-q"), "there is no flag -q for bungee nodes | see bungee nodes --help");
  assert.equal(await refused("nodes", "--yes"), "there is no flag --yes for bungee nodes | see bungee nodes --help");
});

test("a flag given twice is refused", async () => {
  assert.equal(
    await refused("deploy", "--parallel", "1", "--parallel", "2"),
    "--parallel is given 2 times | give it once",
  );
});

test("an unknown command is refused, with the one that was meant", async () => {
  assert.equal(
    await refused("deplyo", "--all"),
    "there is no command deplyo; did you mean deploy? | give one of: deploy, plan, nodes, ci, push-cache, metrics, init, migrate, completion",
  );
});

test("flags before the command are refused", async () => {
  assert.equal(
    await refused("--yes", "deploy"),
    "there is no flag --yes before the command | flags stand behind it: see bungee --help",
  );
});

test("nothing at all shows the help, and is not a success", async () => {
  const { text, exitCode } = await answer();
  assert.equal(exitCode, 2);
  assert.equal(text, (await answer("--help")).text);
  assert.equal((await answer("-h")).exitCode, 0);
});

test("help of everything fits a screen, and names every flag but the rare ones", async () => {
  for (const words of [[], ...VERBS.map(({ name }) => [name])]) {
    const { text } = await answer(...words, "--help");
    const lines = text.split("\n");
    assert.ok(lines.length <= 30, `${words} has ${lines.length} lines`);
    for (const line of lines) assert.ok(width(line) <= 80, line);
  }
  for (const verb of VERBS) {
    const { text } = await answer(verb.name, "-h");
    for (const [flag, { rare = false }] of Object.entries(verb.flags))
      assert.equal(text.includes(`--${flag} `), !rare, flag);
  }
});

test("help of every verb is built alike, and its examples are command lines that the verb takes", async () => {
  for (const { name, examples } of VERBS) {
    const lines = (await answer(name, "--help")).text.split("\n");
    assert.match(lines[0]!, new RegExp(`^Usage: bungee ${name} .*\\[flags\\]$`));
    assert.match(lines[2]!, /^[A-Z].*\.$/, "one sentence");
    assert.match(lines.at(-2)!, /^Exit: /);
    const shown = lines.slice(lines.indexOf("Examples:") + 1, -3);
    assert.ok(shown.length > 0 && shown.length === examples.length, `${name} has no example`);
    for (const line of shown) assert.ok(line.startsWith(`  bungee ${name} `), line);
    for (const [command] of examples) {
      const words = command.split(/ >/)[0]!.replaceAll("'", "").split(" ").slice(1);
      assert.equal((await parse(words, VERBS, streams)).kind, "run", command);
    }
  }
});

test("the version is that of the package", async () => {
  const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
  assert.deepEqual(await answer("--version"), { kind: "answer", text: version, exitCode: 0 });
  assert.equal((await answer("deploy", "--version")).text, version);
});

test("completion: the script, the verbs, the flags, the values", async () => {
  assert.match((await answer("completion")).text, /begin-bungee-completions/);
  const complete = async (...words: string[]) =>
    (await answer("--get-yargs-completions", "bungee", ...words)).text.split("\n");
  for (const word of ["deploy", "plan", "nodes", "completion"]) assert.ok((await complete("")).includes(word));
  assert.ok((await complete("deploy", "--")).includes("--confirm-timeout"));
  assert.deepEqual(await complete("deploy", "--report", ""), ["tree", "lines", "json", "github"]);
});

test("what yargs keeps for itself is no flag", async () => {
  for (const word of ["--selectors", "--selectors=web1", "--_", "--_=web1", "-_", "-v_", "--$0=x", "--constructor"]) {
    assert.equal(await refused("deploy", word), `there is no flag ${word} | see bungee --help`);
  }
});

test("behind -- nothing is for yargs", async () => {
  const { selectors } = await typed("--action", "odd", "--", "--selectors", "--get-yargs-completions");
  assert.deepEqual(selectors, ["--selectors", "--get-yargs-completions"]);
});
