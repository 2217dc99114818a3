import assert from "node:assert/strict";
import { test } from "node:test";
import { failureExitCode } from "../../../src/commands/failure.ts";
import { ConfigurationError, EvaluationError, InterruptedError, UsageError } from "../../../src/errors.ts";

test("what exit code a command has that could not do its work", () => {
  const mend = "mend it";
  assert.equal(failureExitCode(new UsageError("x", { mend })), 2);
  assert.equal(failureExitCode(new ConfigurationError("x", { mend })), 2);
  assert.equal(failureExitCode(new EvaluationError("x", { mend })), 2);
  assert.equal(failureExitCode(new InterruptedError("x", { mend })), 130);
  assert.equal(failureExitCode(new TypeError("x")), 3);
});
