import assert from "node:assert/strict";
import { test } from "node:test";
import { type CiArguments, ciFlags, readCi } from "../../../src/commands/ci-flags.ts";
import { UsageError } from "../../../src/errors.ts";
import { fakeStreams } from "./streams.ts";

type Flags = Record<string, string | true>;

function read(flags: Flags = {}, selectors: readonly string[] = []): CiArguments {
  for (const name of Object.keys(flags)) assert.ok(Object.hasOwn(ciFlags, name), name);
  return readCi({ selectors, flags: new Map(Object.entries(flags)) }, fakeStreams({ terminal: false }));
}

test("what is meant where nothing is said", () => {
  assert.deepEqual(read(), {
    flake: ".",
    schema: "auto",
    keys: true,
    branch: undefined,
    inputs: { action: undefined, reboot: undefined },
    explain: false,
    json: false,
    lockWait: 0,
    parallel: 10,
    sshKeyFile: undefined,
    knownHosts: undefined,
    report: undefined,
    verbose: false,
  });
});

test("everything said", () => {
  const flags = {
    flake: "/fleet",
    schema: "colmena",
    "no-keys": true,
    branch: "main",
    action: "boot",
    reboot: "auto",
    explain: true,
    json: true,
    "lock-wait": "600",
    parallel: "3",
    "ssh-key-file": "/key",
    "known-hosts": "/known",
    verbose: true,
  } as const;
  assert.deepEqual([...Object.keys(flags), "report"].toSorted(), Object.keys(ciFlags).toSorted());
  assert.deepEqual(read(flags), {
    flake: "/fleet",
    schema: "colmena",
    keys: false,
    branch: "main",
    inputs: { action: "boot", reboot: "auto" },
    explain: true,
    json: true,
    lockWait: 600,
    parallel: 3,
    sshKeyFile: "/key",
    knownHosts: "/known",
    report: undefined,
    verbose: true,
  });
  assert.equal(read({ report: "github" }).report, "github");
});

test("an action left empty by a workflow is unsaid", () => assert.equal(read({ action: "" }).inputs.action, undefined));

const cases: readonly (readonly [Flags, string, (readonly string[])?])[] = [
  [{ reboot: "" }, "--reboot is empty | give one of: never, auto, always"],
  [
    { branch: "refs/heads/main" },
    "--branch refs/heads/main is a ref, not a branch | give its name alone: --branch main",
  ],
  [{ branch: "refs/pull/7/merge" }, "--branch refs/pull/7/merge is a ref, not a branch | give the name of a branch"],
  [{ branch: "" }, "--branch is empty | give its value, or leave it out"],
  [{ "ssh-key-file": "" }, "--ssh-key-file is empty | give its value, or leave it out"],
  [{ "known-hosts": "" }, "--known-hosts is empty | give its value, or leave it out"],
  [
    { action: "swich" },
    "--action is swich; did you mean switch? | give one of: build, stage, dry-activate, test, switch, boot",
  ],
  [{ "lock-wait": "1h" }, "--lock-wait is 1h | give a whole number of seconds, 0 to 86400"],
  [{ json: true }, "--json is for --explain | use --report json for the events of a deployment"],
  [{ explain: true, report: "json" }, "--explain deploys nothing to report | leave --report out, or use --json"],
  [
    { report: "tree" },
    "--report tree needs a terminal, and the output is none | use --report lines, or json for programs",
  ],
  [
    { flake: ".#web1" },
    "bungee ci chooses hosts by the branch, and --flake .#web1 names one | leave out what stands from # on",
  ],
  [{}, "bungee ci chooses hosts by the branch, and web1 names some | leave them out, or use bungee deploy", ["web1"]],
];

for (const [flags, message, selectors = []] of cases) {
  test(`refused: ${message}`, () => {
    assert.throws(
      () => read(flags, selectors),
      (error) => {
        assert.ok(error instanceof UsageError);
        assert.equal(`${error.message} | ${error.mend}`, message);
        return true;
      },
    );
  });
}
