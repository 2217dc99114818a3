import assert from "node:assert/strict";
import { test } from "node:test";
import * as errors from "../../../src/errors.ts";
import { renderError } from "../../../src/report/error.ts";
import { makeStyle, PLAIN } from "../../../src/report/style.ts";

const show = (error: unknown) => renderError(errors.describeError(error), PLAIN).join("\n");

/** Every class, each as it is thrown. */
const rendered: Record<string, readonly [errors.BungeeError, string]> = {
  UsageError: [
    new errors.UsageError("--parallel is 0", { mend: "give a whole number from 1 to 1000" }),
    "error: --parallel is 0\n  mend: give a whole number from 1 to 1000",
  ],
  ConfigurationError: [
    new errors.ConfigurationError("2 settings are wrong", {
      detail: 'web1.bungee.port: "22" is not a number\nweb1.bungee.adresses: unknown; did you mean addresses?\n',
      mend: "correct them in the flake",
    }),
    `error: 2 settings are wrong
  │ web1.bungee.port: "22" is not a number
  │ web1.bungee.adresses: unknown; did you mean addresses?
  mend: correct them in the flake`,
  ],
  MissingToolError: [
    new errors.MissingToolError("cannot run nix: spawn nix ENOENT", { mend: "install nix, or put it on PATH" }),
    "error: cannot run nix: spawn nix ENOENT\n  mend: install nix, or put it on PATH",
  ],
  EvaluationError: [
    new errors.EvaluationError("web1 does not evaluate", {
      detail: "error: attribute 'foo' missing\n\n       at flake.nix:3:4:",
      mend: "correct its configuration",
      node: "web1",
    }),
    `error: web1 does not evaluate
  │ error: attribute 'foo' missing
  │
  │        at flake.nix:3:4:
  mend: correct its configuration`,
  ],
  BuildError: [
    new errors.BuildError("the system does not build", {
      detail: Array.from({ length: 60 }, (_, index) => `line ${index + 1}`).join("\n"),
      mend: "see the log",
      node: "web1",
    }),
    `error: web1: the system does not build
  │ … 20 lines before these
${Array.from({ length: 40 }, (_, index) => `  │ line ${index + 21}`).join("\n")}
  mend: see the log`,
  ],
  CopyError: [
    new errors.CopyError("the closure did not arrive on web1", { mend: "look at its free space", node: "web1" }),
    "error: the closure did not arrive on web1\n  mend: look at its free space",
  ],
  UnreachableError: [
    new errors.UnreachableError("cannot reach web1: 10.77.0.11 port 22: connection refused", { mend: "is it on?" }),
    "error: cannot reach web1: 10.77.0.11 port 22: connection refused\n  mend: is it on?",
  ],
  HostKeyError: [
    new errors.HostKeyError("the host key of 10.77.0.11 has changed: /root/.ssh/known_hosts:3", {
      mend: "if that is meant: ssh-keygen -R 10.77.0.11\nthen log in once by hand",
      node: "web1",
    }),
    `error: web1: the host key of 10.77.0.11 has changed: /root/.ssh/known_hosts:3
  mend: if that is meant: ssh-keygen -R 10.77.0.11
        then log in once by hand`,
  ],
  LoginError: [
    new errors.LoginError("web1 let nobody in as deploy", { mend: "add your key for deploy" }),
    "error: web1 let nobody in as deploy\n  mend: add your key for deploy",
  ],
  ElevationError: [
    new errors.ElevationError("deploy may not become root on web1", { mend: "add a sudo rule" }),
    "error: deploy may not become root on web1\n  mend: add a sudo rule",
  ],
  ConnectionLostError: [
    new errors.ConnectionLostError("the connection to web1 broke", { mend: "deploy again" }),
    "error: the connection to web1 broke\n  mend: deploy again",
  ],
  LockedError: [
    new errors.LockedError("web1 is held by ada@desk since 12:00", { mend: "wait until that run is done" }),
    "error: web1 is held by ada@desk since 12:00\n  mend: wait until that run is done",
  ],
  RefusedError: [
    new errors.RefusedError("the release is another host's system", { reason: "other-host", mend: "deploy it there" }),
    "error: the release is another host's system\n  mend: deploy it there",
  ],
  UnhealthyError: [
    new errors.UnhealthyError("front: http://web1/health answers 503", { mend: "look at it", detail: "no database" }),
    "error: front: http://web1/health answers 503\n  │ no database\n  mend: look at it",
  ],
  ProtocolError: [
    new errors.ProtocolError("web1 answered what is not the protocol", {
      detail: "\u001b[2J::error::hello\u0007",
      mend: "look at what its shell prints at login",
    }),
    `error: web1 answered what is not the protocol
  │ : :error::hello␇
  mend: look at what its shell prints at login`,
  ],
  InterruptedError: [
    new errors.InterruptedError("stopped before anything was started", { mend: "run it again" }),
    "error: stopped before anything was started\n  mend: run it again",
  ],
};

for (const [name, [error, shown]] of Object.entries(rendered)) test(name, () => assert.equal(show(error), shown));

test("every class of src/errors.ts is rendered here", () => {
  const classes = Object.entries(errors)
    .filter(([, value]) => typeof value === "function" && value.prototype instanceof errors.BungeeError)
    .map(([name]) => name);
  assert.deepEqual(Object.keys(rendered).toSorted(), classes.toSorted());
  for (const [name, [error]] of Object.entries(rendered)) assert.equal(error.name, name);
});

test("a defect says so, and shows no stack", () => {
  assert.equal(
    show(new TypeError("x is undefined")),
    "error: bungee has a defect: x is undefined\n  mend: report it, with the output of --verbose",
  );
});

test("a message of several lines stays together", () => {
  const error = new errors.UsageError("one\ntwo", { mend: "mend it" });
  assert.equal(show(error), "error: one\n  two\n  mend: mend it");
});

test("in colour", () => {
  const error = errors.describeError(new errors.UsageError("no", { mend: "yes", detail: "why" }));
  assert.deepEqual(renderError(error, makeStyle(1)), [
    "\u001b[31merror:\u001b[39m no",
    "  \u001b[2m│\u001b[22m why",
    "  \u001b[1mmend:\u001b[22m yes",
  ]);
});

test("a message of thousands of lines is told by its first", () => {
  const error = new errors.UsageError(`there is no command ${"x\n".repeat(5000)}`, { mend: "give one of: deploy" });
  const lines = renderError(errors.describeError(error), PLAIN);
  assert.equal(lines.length, 33);
  assert.deepEqual(lines.slice(-2), ["  … 4969 lines more", "  mend: give one of: deploy"]);
});
