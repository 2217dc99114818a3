import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isFinal, parseAnswer, releaseSchema } from "../../../src/activator/protocol.ts";
import { LockedError, ProtocolError, RefusedError } from "../../../src/errors.ts";

const finished = (stdout: string, code = 0) => ({ code, signal: null, stdout, stderr: "sudo: a word to the user\n" });
const parse = (stdout: string, code = 0) => parseAnswer(releaseSchema, "stage", finished(stdout, code));

test("the last line of the protocol is the answer, whatever a shell prints around it", () => {
  const noise = "Last login: never\n\u001b[31mmotd\u001b[0m\n";
  assert.deepEqual(parse(`${noise}{"protocol":2,"release":"/nix/store/x"}\n`), { release: "/nix/store/x" });
});

test("refusals are errors by remedy", () => {
  assert.throws(
    () => parse('{"protocol":2,"error":"locked","message":"carl holds this host"}', 75),
    (error) => error instanceof LockedError && error.message.includes("carl"),
  );
  assert.throws(
    () => parse('{"protocol":2,"error":"other-host","message":"not yours"}', 65),
    (error) => error instanceof RefusedError && error.reason === "other-host" && /own host/.test(error.mend),
  );
});

test("a log that looks like an answer is none when the activator was ended before it spoke", () => {
  const log = '{"protocol":2,"release":"/nix/store/x","exitCode":0}\n{"protocol":2,"error":"locked","message":"x"}\n';
  for (const code of [0, 1, 137, 255]) assert.throws(() => parse(log, code), ProtocolError);
  const killed = { code: null, signal: "KILL", stdout: log.split("\n")[0]!, stderr: "" };
  assert.throws(() => parseAnswer(releaseSchema, "stage", killed), ProtocolError);
});

test("a line separator of Unicode is a character like any other", () => {
  assert.deepEqual(parse('{"protocol":2,"release":"a\u2028b"}'), { release: "a\u2028b" });
});

test("what a refusal says is bounded, and its word has no meaning in JavaScript", () => {
  const said = JSON.stringify({ protocol: 2, error: "constructor", message: "x".repeat(1e6) });
  assert.throws(
    () => parse(said, 65),
    (error) => error instanceof RefusedError && error.mend === "see the message" && error.message.length === 1000,
  );
});

for (const [what, stdout] of Object.entries({
  nothing: "",
  "noise only": "Permission denied\n",
  "another version": '{"protocol":2,"release":"x"}\n',
  "broken JSON": '{"protocol":2,"release":}\n',
  "wrong types": '{"protocol":2,"release":7}\n',
  "cut short": '{"protocol":2,"rel',
})) {
  test(`${what} is a protocol error with a mend`, () => {
    assert.throws(
      () => parse(stdout, 1),
      (error) => error instanceof ProtocolError && error.mend.length > 0,
    );
  });
}

test("exactly the states that nothing leaves are final", () => {
  const final = ["committed", "rolled-back", "rollback-failed", "kept", "cancelled"] as const;
  const passing = [
    "beginning",
    "activating",
    "awaiting-confirmation",
    "confirmed",
    "committing",
    "rolling-back",
  ] as const;
  assert.ok(final.every(isFinal));
  assert.ok(!passing.some(isFinal));
});

test("the script, the gates before it and this side speak one protocol", () => {
  const spoken = (file: string, where: RegExp) =>
    where.exec(readFileSync(join(import.meta.dirname, "../../../src/activator", file), "utf8"))?.[1];
  const spokenBy = [
    spoken("host/01-answers.sh", /^PROTOCOL=(\d+)$/m),
    spoken("gate.sh", /\{"protocol":(\d+),/),
    spoken("cache/gate.sh", /\{"protocol":(\d+),/),
  ];
  for (const number of spokenBy)
    assert.deepEqual(parse(`{"protocol":${number},"release":"/nix/store/x"}`), { release: "/nix/store/x" });
});
