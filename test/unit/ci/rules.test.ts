import assert from "node:assert/strict";
import { test } from "node:test";
import { readRules } from "../../../src/ci/rules.ts";
import { ConfigurationError } from "../../../src/errors.ts";

function errorsOf(input: unknown): string {
  try {
    readRules(input);
  } catch (error) {
    assert.ok(error instanceof ConfigurationError, String(error));
    assert.match(error.mend, /^correct (this setting|these settings)$/);
    return error.message;
  }
  assert.fail("was not refused");
}

test("nothing said", () => {
  const usual = { main: "main", testPrefix: "test-", rules: [] };
  for (const nothing of [undefined, null, {}, { main: null, rules: null }]) assert.deepEqual(readRules(nothing), usual);
});

test("all said; null is left out, in rules too", () => {
  const rule = { branch: "release/[0-9]*", select: ["tier=prod"], action: "boot", reboot: "auto" };
  assert.deepEqual(readRules({ main: "trunk", testPrefix: "try/", rules: [rule, { branch: "x", select: null }] }), {
    main: "trunk",
    testPrefix: "try/",
    rules: [rule, { branch: "x" }],
  });
});

const errors: readonly (readonly [unknown, string])[] = [
  [["main"], 'bungee.ci: ["main"] is not an attribute set'],
  [{ mian: "main" }, 'bungee.ci.mian: no such setting (it is "main"); did you mean main?'],
  [{ main: 3 }, "bungee.ci.main: 3 is not the name of a branch"],
  [{ main: "a b" }, 'bungee.ci.main: "a b" is not the name of a branch'],
  [{ main: "refs/heads/main" }, 'bungee.ci.main: "refs/heads/main" is not the name of a branch'],
  [
    { rules: [{ branch: "refs/heads/*" }] },
    'bungee.ci.rules[0].branch: "refs/heads/*" is not a branch, or a pattern of branches such as release/*',
  ],
  [{ testPrefix: "" }, 'bungee.ci.testPrefix: "" is not what the names of test branches begin with, such as test-'],
  [{ rules: {} }, "bungee.ci.rules: {} is not a list of rules"],
  [{ rules: ["main"] }, 'bungee.ci.rules[0]: "main" is not an attribute set'],
  [{ rules: [{}] }, "bungee.ci.rules[0].branch: nothing is not a branch, or a pattern of branches such as release/*"],
  [
    { rules: [{ branch: "[z-a]" }] },
    'bungee.ci.rules[0].branch: "[z-a]" is not a branch, or a pattern of branches such as release/*',
  ],
  [
    { rules: [{ branch: "x", action: "swich" }] },
    'bungee.ci.rules[0].action: "swich" is not one of "build", "stage", "dry-activate", "test", "switch", "boot"',
  ],
  [
    { rules: [{ branch: "x" }, { branch: "y", selct: ["a"] }] },
    'bungee.ci.rules[1].selct: no such setting (it is ["a"]); did you mean select?',
  ],
  [
    { rules: [{ branch: "x", select: "web1" }] },
    'bungee.ci.rules[0].select: "web1" is not a list of selectors, as bungee deploy takes them',
  ],
  [
    { rules: [{ branch: "x", select: [] }] },
    "bungee.ci.rules[0].select: [] is not a list of selectors, as bungee deploy takes them",
  ],
  [
    { rules: [{ branch: "x", action: "test", reboot: "always" }] },
    'bungee.ci.rules[0].reboot: "always" means nothing with the action "test"',
  ],
  [
    { main: 1, testPrefix: 2 },
    "2 settings are wrong:\n  bungee.ci.main: 1 is not the name of a branch\n  bungee.ci.testPrefix: 2 is not what the names of test branches begin with, such as test-",
  ],
];

for (const [input, message] of errors) {
  test(`wrong: ${JSON.stringify(input)}`, () => assert.equal(errorsOf(input), message));
}
