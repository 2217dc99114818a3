import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Decision, decide, type Inputs } from "../../../src/ci/decide.ts";
import { readJob, type Subject } from "../../../src/ci/forge.ts";
import { readRules } from "../../../src/ci/rules.ts";
import { UsageError } from "../../../src/errors.ts";

const called = (...names: string[]) => names.map((name) => ({ name }));
const FLEET = called("web1", "web2", "db1");

function on(subject: string | Subject, inputs: Inputs = {}, rules: unknown = {}): Decision {
  const job = typeof subject === "string" ? readJob({}, subject) : { ...readJob({}, undefined), subject };
  return decide(job, readRules(rules), inputs, FLEET);
}

const briefly = ({ action, reboot, hosts, rule }: Decision) => ({ action, reboot, hosts, rule });

function refused(...args: Parameters<typeof on>): string {
  try {
    on(...args);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return `${error.message} | ${error.mend}`;
  }
  assert.fail("was not refused");
}

const BUILD = { action: "build", reboot: "never", hosts: "all" };

describe("without any rule in the flake", () => {
  test("main: all that are enabled, switch", () => {
    const { why, ...decision } = on("main");
    assert.deepEqual(decision, { action: "switch", reboot: "never", hosts: "enabled", rule: "bungee.ci.main" });
    assert.deepEqual(why, ["main is the main branch: every host that is enabled gets it"]);
  });

  test("test-<host>: that one alone, test", () => {
    const { why, ...decision } = on("test-web1");
    assert.deepEqual(decision, {
      action: "test",
      reboot: "never",
      hosts: { selectors: ["web1"] },
      rule: "bungee.ci.testPrefix",
    });
    assert.deepEqual(why, ["test-web1 is a test branch: web1 alone gets it, and a reboot undoes it"]);
  });

  test("an unknown host: refused, with the one that was meant and those that there are", () => {
    assert.equal(
      refused("test-wbe1"),
      "the branch test-wbe1 names no host: there is no wbe1; did you mean web1? | rename the branch; the hosts are web1, web2, db1",
    );
    assert.match(refused("test-"), /^the branch test- names no host: there is no host without a name \|/);
    assert.match(refused("test-*"), /there is no \*/, "a pattern is no host");
    assert.match(refused("test-WEB1"), /did you mean web1/);
  });

  test("a host is taken by its whole name, letter by letter", () => {
    const names = ["db-1", "DB-1", "db-1-eu", "test-rig", "web1"];
    const taken = (branch: string) => decide(readJob({}, branch), readRules({}), {}, called(...names)).hosts;
    for (const name of names) assert.deepEqual(taken(`test-${name}`), { selectors: [name] });
    const unknown = (branch: string) => assert.throws(() => taken(branch), /names no host/);
    for (const branch of ["test-Db-1", "test-db", "test-db-1-", "test-rig", "test-db-1/x", "test-db-1,web1"])
      unknown(branch);
  });

  test("a host of deploy-rs is the host of its profiles, also where none of them is its system", () => {
    const fleet = [
      { name: "web1.blog", also: ["web1"] },
      { name: "web1.home", also: ["web1"] },
      { name: "db1", also: ["db1.system"] },
    ];
    const on = (branch: string) => decide(readJob({}, branch), readRules({}), {}, fleet);
    for (const name of ["web1", "web1.blog", "db1", "db1.system"])
      assert.deepEqual(on(`test-${name}`).hosts, { selectors: [name] });
    assert.throws(() => on("test-wbe1"), {
      message: /there is no wbe1; did you mean web1\?/,
      mend: /the hosts are web1\.blog, web1\.home, db1$/,
    });
  });

  test("of an unknown host, all that are equally near are named", () => {
    const names = ["db-1", "DB-1", "web1", "web2", "web33"];
    const said = (name: string) => {
      try {
        decide(readJob({}, `test-${name}`), readRules({}), {}, called(...names));
      } catch (error) {
        return (error as Error).message.replace(/^.*: there is no /, "");
      }
      return "";
    };
    assert.equal(said("Db-1"), "Db-1; did you mean db-1 or DB-1?");
    assert.equal(said("web3"), "web3; did you mean web1, web2 or web33?");
    assert.equal(said("mail"), "mail");
  });

  for (const branch of ["feature", "Main", "main2", "my-test-web1", "testweb1", "release/1", "heads/main"]) {
    test(`${branch} only builds`, () => assert.deepEqual(briefly(on(branch)), { ...BUILD, rule: "branch" }));
  }

  const others: readonly (readonly [Subject, string])[] = [
    [{ kind: "proposal", what: "main" }, "proposal"],
    [{ kind: "proposal", what: "test-web1" }, "proposal"],
    [{ kind: "tag", tag: "main" }, "tag"],
    [{ kind: "other", what: "workflow_run" }, "event"],
  ];
  for (const [subject, rule] of others) {
    test(`${JSON.stringify(subject)} only builds`, () => assert.deepEqual(briefly(on(subject)), { ...BUILD, rule }));
  }

  test("no branch at all is refused", () => {
    assert.match(refused({ kind: "nothing" }), /^no branch is known: .* \| give it with --branch/);
  });
});

describe("inputs", () => {
  test("say how, where the branch deploys", () => {
    const how = (inputs: Inputs) => {
      const { action, reboot } = on("main", inputs);
      return `${action} ${reboot}`;
    };
    assert.equal(how({ action: "boot" }), "boot never");
    assert.equal(how({ action: "boot", reboot: "always" }), "boot always");
    assert.equal(how({ reboot: "always" }), "boot always");
    assert.equal(how({ reboot: "auto" }), "switch auto");
    assert.equal(how({ reboot: "never" }), "switch never");
    assert.equal(how({ action: "build" }), "build never");
    assert.equal(how({ action: "dry-activate" }), "dry-activate never");
    assert.deepEqual(on("main", { action: "boot" }).why.at(-1), "asked for by --action boot");
  });

  test("never make a branch deploy that only builds", () => {
    const decision = on("feature", { action: "switch", reboot: "always" });
    assert.deepEqual(briefly(decision), { ...BUILD, rule: "branch" });
    assert.equal(decision.why.at(-1), "--action switch and --reboot always: how to deploy, where nothing is deployed");
    assert.equal(on({ kind: "proposal", what: "main" }, { action: "boot" }).action, "build");
  });

  test("never make a test branch outlast a reboot", () => {
    assert.match(refused("test-web1", { action: "boot" }), /^--action boot on a branch that only does test: /);
    assert.match(refused("test-web1", { action: "switch" }), /^--action switch on a branch that only does test: /);
    assert.match(refused("test-web1", { reboot: "always" }), /^--reboot always means nothing for test: /);
    assert.equal(on("test-web1", { reboot: "never" }).action, "test");
    assert.equal(on("test-web1", { action: "dry-activate" }).action, "dry-activate");
  });

  test("a reboot of an action that has none is refused", () => {
    assert.match(refused("main", { action: "stage", reboot: "auto" }), /^--reboot auto means nothing for stage/);
  });
});

describe("the flake's own rules", () => {
  const rules = {
    main: "trunk",
    testPrefix: "try/",
    rules: [
      { branch: "release/*", select: ["tier=prod", "!db1"], action: "boot", reboot: "always" },
      { branch: "release/*", action: "build" },
      { branch: "try/web2", action: "build" },
      { branch: "staging" },
    ],
  };

  test("other names for the two that there are", () => {
    assert.equal(on("trunk", {}, rules).action, "switch");
    assert.equal(on("main", {}, rules).action, "build");
    assert.deepEqual(on("try/db1", {}, rules).hosts, { selectors: ["db1"] });
    assert.equal(on("test-db1", {}, rules).action, "build");
  });

  test("the first that matches holds, before those two", () => {
    assert.deepEqual(briefly(on("release/25.05", {}, rules)), {
      action: "boot",
      reboot: "always",
      hosts: { selectors: ["tier=prod", "!db1"] },
      rule: "bungee.ci.rules[0]",
    });
    assert.deepEqual(briefly(on("try/web2", {}, rules)), { ...BUILD, rule: "bungee.ci.rules[2]" });
    assert.deepEqual(briefly(on("staging", {}, rules)), {
      action: "switch",
      reboot: "never",
      hosts: "enabled",
      rule: "bungee.ci.rules[3]",
    });
  });

  test("an input that takes the rule's action back takes its reboot back", () => {
    const { action, reboot } = on("release/1", { action: "stage" }, rules);
    assert.deepEqual([action, reboot], ["stage", "never"]);
  });
});

describe("the labels of the merged request", () => {
  const labelled = (subject: string, labels: Inputs, inputs: Inputs = {}, rules: unknown = {}) =>
    decide(readJob({}, subject), readRules(rules), inputs, FLEET, labels);
  const BOOT = { action: "boot" } as const;
  const REBOOT = { action: "boot", reboot: "always" } as const;

  test("say how main is deployed", () => {
    assert.deepEqual(labelled("main", BOOT), {
      action: "boot",
      reboot: "never",
      hosts: "enabled",
      rule: "bungee.ci.main",
      why: [
        "main is the main branch: every host that is enabled gets it",
        "the labels of the merged request ask for boot",
      ],
    });
    const { action, reboot, why } = labelled("main", REBOOT, { reboot: "never" });
    assert.deepEqual(
      [action, reboot, why.at(-1)],
      ["boot", "always", "the labels of the merged request ask for boot --reboot always"],
    );
  });

  test("say nothing where somebody has typed it, where nothing is deployed, and of what a reboot undoes", () => {
    assert.equal(labelled("main", REBOOT, { action: "switch" }).action, "switch");
    assert.equal(labelled("main", BOOT, { reboot: "auto" }).reboot, "auto");
    assert.equal(labelled("feature", REBOOT).action, "build");
    assert.equal(labelled("test-web1", REBOOT).action, "test");
    assert.deepEqual(labelled("main", {}), on("main"));
  });
});
