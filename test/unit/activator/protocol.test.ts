import assert from "node:assert/strict";
import { test } from "node:test";
import { isFinal, parseAnswer, releaseSchema } from "../../../src/activator/protocol.ts";
import { LockedError, ProtocolError, RefusedError } from "../../../src/errors.ts";

const finished = (stdout: string, code = 0) => ({ code, signal: null, stdout, stderr: "sudo: a word to the user\n" });
const parse = (stdout: string, code = 0) => parseAnswer(releaseSchema, "stage", finished(stdout, code));

test("the last line of the protocol is the answer, whatever a shell prints around it", () => {
  const noise = "Last login: never\n\u001b[31mmotd\u001b[0m\n";
  assert.deepEqual(parse(`${noise}{"protocol":1,"release":"/nix/store/x"}\n`), { release: "/nix/store/x" });
});

test("refusals are errors by remedy", () => {
  assert.throws(
    () => parse('{"protocol":1,"error":"locked","message":"carl holds this host"}', 75),
    (error) => error instanceof LockedError && error.message.includes("carl"),
  );
  assert.throws(
    () => parse('{"protocol":1,"error":"other-host","message":"not yours"}', 65),
    (error) => error instanceof RefusedError && error.reason === "other-host" && /own host/.test(error.mend),
  );
});

for (const [what, stdout] of Object.entries({
  nothing: "",
  "noise only": "Permission denied\n",
  "another version": '{"protocol":2,"release":"x"}\n',
  "broken JSON": '{"protocol":1,"release":}\n',
  "wrong types": '{"protocol":1,"release":7}\n',
  "cut short": '{"protocol":1,"rel',
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
