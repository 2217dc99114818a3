import assert from "node:assert/strict";
import { test } from "node:test";
import { type DeployArguments, deployFlags, readDeploy } from "../../../src/commands/deploy-flags.ts";
import { UsageError } from "../../../src/errors.ts";
import { fakeStreams } from "./streams.ts";

const terminal = fakeStreams({ terminal: true });
const pipe = fakeStreams({ terminal: false });

function read(
  selectors: readonly string[],
  flags: Record<string, string | true> = {},
  streams = pipe,
): DeployArguments {
  for (const name of Object.keys(flags)) assert.ok(Object.hasOwn(deployFlags, name), name);
  return readDeploy({ selectors, flags: new Map(Object.entries(flags)) }, streams);
}

function refused(selectors: readonly string[], flags: Record<string, string | true>, streams = pipe): string {
  try {
    read(selectors, flags, streams);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return `${error.message} | ${error.mend}`;
  }
  assert.fail("was not refused");
}

test("what is meant where nothing is said", () => {
  assert.deepEqual(read(["web1"]), {
    selectors: ["web1"],
    all: false,
    flake: ".",
    schema: "auto",
    action: "switch",
    reboot: "never",
    dryRun: false,
    yes: false,
    parallel: 10,
    activationTimeout: undefined,
    confirmTimeout: undefined,
    rollback: true,
    keys: true,
    allowHostNameChange: false,
    lockWait: 0,
    ssh: {},
    report: undefined,
    verbose: false,
  });
});

test("everything said", () => {
  const flags = {
    all: true,
    flake: "/fleet",
    schema: "deploy-rs",
    action: "boot",
    reboot: "auto",
    "dry-run": true,
    yes: true,
    parallel: "3",
    "activation-timeout": "600",
    "confirm-timeout": "60",
    "no-rollback": true,
    "no-keys": true,
    "allow-host-name-change": true,
    "lock-wait": "900",
    ssh: "openssh",
    report: "json",
    verbose: true,
  } as const;
  assert.deepEqual(
    Object.keys(flags).toSorted(),
    Object.keys(deployFlags).toSorted(),
    "a flag is missing in this test",
  );
  assert.deepEqual(read(["!web2"], flags), {
    selectors: ["!web2"],
    all: true,
    flake: "/fleet",
    schema: "deploy-rs",
    action: "boot",
    reboot: "auto",
    dryRun: true,
    yes: true,
    parallel: 3,
    activationTimeout: 600,
    confirmTimeout: 60,
    rollback: false,
    keys: false,
    allowHostNameChange: true,
    lockWait: 900,
    ssh: { ssh: "openssh" },
    report: "json",
    verbose: true,
  });
});

const cases: readonly (readonly [selectors: string[], flags: Record<string, string | true>, message: string])[] = [
  [["a"], { parallel: "0" }, "--parallel is 0 | give a whole number of hosts, 1 to 1000"],
  [["a"], { parallel: "-1" }, "--parallel is -1 | give a whole number of hosts, 1 to 1000"],
  [["a"], { parallel: "1e3" }, "--parallel is 1e3 | give a whole number of hosts, 1 to 1000"],
  [["a"], { parallel: "0x10" }, "--parallel is 0x10 | give a whole number of hosts, 1 to 1000"],
  [["a"], { parallel: "2.5" }, "--parallel is 2.5 | give a whole number of hosts, 1 to 1000"],
  [["a"], { parallel: "" }, "--parallel is empty | give a whole number of hosts, 1 to 1000"],
  [
    ["a"],
    { parallel: "99999999999999999999" },
    "--parallel is 99999999999999999999 | give a whole number of hosts, 1 to 1000",
  ],
  [["a"], { "confirm-timeout": "-3" }, "--confirm-timeout is -3 | give a whole number of seconds, 1 to 86400"],
  [["a"], { "activation-timeout": "1 h" }, "--activation-timeout is 1 h | give a whole number of seconds, 1 to 86400"],
  [
    ["a"],
    { "activation-timeout": "86401" },
    "--activation-timeout is 86401 | give a whole number of seconds, 1 to 86400",
  ],
  [["a"], { ssh: "openssl" }, "--ssh is openssl; did you mean openssh? | give one of: auto, ssh2, openssh"],
  [["a"], { flake: " " }, "--flake is empty | give the flake, or leave it out for the one here"],
  [
    ["a"],
    { action: "swich" },
    "--action is swich; did you mean switch? | give one of: build, stage, dry-activate, test, switch, boot",
  ],
  [["a"], { action: "" }, "--action is empty | give one of: build, stage, dry-activate, test, switch, boot"],
  [["a"], { report: "jsn" }, "--report is jsn; did you mean json? | give one of: tree, lines, json, github"],
  [
    ["a"],
    { report: "tree" },
    "--report tree needs a terminal, and the output is none | use --report lines, or json for programs",
  ],
  [["a", "!b"], { all: true }, "--all and a say different things | give one of both"],
  [["b"], { flake: ".#a" }, "--flake .#a names a host, and b says which ones | give one of both"],
  [[], { flake: ".#a", all: true }, "--flake .#a names a host, and --all says which ones | give one of both"],
  [[], {}, "no host is chosen, and there is no terminal to ask at | name hosts or labels, or say --all"],
  [
    ["a"],
    { "dry-run": true, action: "dry-activate" },
    "--dry-run stops before --action dry-activate could do anything | leave out --dry-run to see what the hosts would do, or --action to see the plan",
  ],
  [
    ["a"],
    { action: "stage", "activation-timeout": "9" },
    "--activation-timeout means nothing for --action stage: nothing is activated | leave it out",
  ],
  [
    ["a"],
    { action: "boot", "confirm-timeout": "9" },
    "--confirm-timeout means nothing for --action boot: there is nothing to confirm | leave it out",
  ],
  [
    ["a"],
    { action: "build", "no-rollback": true },
    "--no-rollback means nothing for --action build: what runs is left alone | leave it out",
  ],
  [
    ["a"],
    { action: "stage", "lock-wait": "60" },
    "--lock-wait means nothing for --action stage: no run holds a host then | leave it out",
  ],
];

for (const [selectors, flags, message] of cases) {
  const words = [
    ...selectors,
    ...Object.entries(flags).map(([name, value]) => `--${name}${value === true ? "" : ` ${value}`}`),
  ];
  test(`refused: ${words.join(" ") || "nothing"}`, () => assert.equal(refused(selectors, flags), message));
}

test("the bounds themselves are fine", () => {
  const { parallel, confirmTimeout } = read(["a"], { parallel: "1000", "confirm-timeout": "86400" });
  assert.deepEqual([parallel, confirmTimeout], [1000, 86_400]);
});

test("on a terminal, no selector asks, and the tree may be asked for", () => {
  assert.deepEqual(read([], {}, terminal).selectors, []);
  assert.equal(read([], { report: "tree" }, terminal).report, "tree");
});

test("the flake's fragment is a choice", () => assert.equal(read([], { flake: ".#web1" }).flake, ".#web1"));
