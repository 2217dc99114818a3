import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UsageError } from "../../../src/errors.ts";
import { type Candidate, select } from "../../../src/fleet/select.ts";

const node = (name: string, labels: Record<string, string> | null = {}, enable = true): Candidate => ({
  name,
  labels,
  enable,
});

const fleet = [
  node("web1", { role: "web", tier: "prod" }),
  node("web2", { role: "web", tier: "test" }),
  node("web10", { role: "web", tier: "prod" }),
  node("db1", { role: "db", tier: "prod", zone: "eu-1" }),
  node("db2", { role: "db", tier: "prod", zone: "us-1" }),
  node("old", { role: "web" }, false),
];

describe("select", () => {
  const cases: readonly [readonly string[], readonly string[]][] = [
    [["web1"], ["web1"]],
    [
      ["web2", "web1", "web1"],
      ["web1", "web2"],
    ],
    [["web*"], ["web1", "web2", "web10"]],
    [["web?"], ["web1", "web2"]],
    [["db[1-3]"], ["db1", "db2"]],
    [["db[13]"], ["db1"]],
    [["*1"], ["db1", "web1"]],
    [["role=web"], ["web1", "web2", "web10"]],
    [["zone=eu-*"], ["db1"]],
    [["zone=*"], ["db1", "db2"]],
    [["role=web+tier=prod"], ["web1", "web10"]],
    [["web*+tier=prod"], ["web1", "web10"]],
    [
      ["role=db", "web2"],
      ["db1", "db2", "web2"],
    ],
    [
      ["web*", "!web2"],
      ["web1", "web10"],
    ],
    [
      ["!web2", "web*"],
      ["web1", "web10"],
    ],
    [
      ["tier=prod", "!role=db"],
      ["web1", "web10"],
    ],
    [
      ["web*", "!old"],
      ["web1", "web2", "web10"],
    ],
  ];
  for (const [selectors, names] of cases) {
    it(selectors.join(" "), () => assert.deepEqual(select(fleet, selectors), { names, undecided: [] }));
  }

  it("--all is every enabled node, less what is taken away", () => {
    assert.deepEqual(select(fleet, [], true).names, ["db1", "db2", "web1", "web2", "web10"]);
    assert.deepEqual(select(fleet, ["!db*"], true).names, ["web1", "web2", "web10"]);
  });
});

describe("select refuses", () => {
  const cases: readonly [readonly string[], boolean, RegExp][] = [
    [[], false, /no node is chosen/],
    [["!web1"], false, /no node is chosen/],
    [["web1"], true, /--all and web1 say different things/],
    [["wbe1"], false, /^wbe1 matches no node; did you mean web1\?$/],
    [["role=wbe"], false, /^role=wbe matches no node; did you mean role=web\?$/],
    [["rool=web"], false, /did you mean role=web\?$/],
    [["mail*"], false, /^mail\* matches no node$/],
    [["web*", "!wbe2"], false, /^wbe2 matches no node; did you mean web2\?$/],
    [["old"], false, /^old is disabled \(bungee\.enable = false\)$/],
    [["ol*"], false, /^ol\* matches only disabled nodes: old$/],
    [["web1", "!web1"], false, /nothing is left/],
    [[""], false, /is not a selector/],
    [["web1", "!"], false, /is not a selector/],
    [["=web"], false, /is not a selector/],
    [["web1+"], false, /is not a selector/],
    [["web[z-a]"], false, /is not a pattern/],
  ];
  for (const [selectors, all, message] of cases) {
    it(`${JSON.stringify(selectors)}${all ? " --all" : ""}`, () => {
      assert.throws(() => select(fleet, selectors, all), { name: "UsageError", message });
    });
  }

  it("a fleet that is disabled as a whole", () => {
    assert.throws(() => select([node("a", {}, false)], [], true), { message: "every node is disabled" });
  });
});

describe("nodes with strange names", () => {
  const names = ["a+b", "x=y", "!c", "we[i]rd", "a.b", "sp ace", "$(rm)", "*", "a\nb", "ü", "constructor"];
  const strange = names.map((name) => node(name));
  for (const name of names) {
    it(`${JSON.stringify(name)} is chosen by its whole name`, () =>
      assert.deepEqual(select(strange, [name]).names, [name]));
    it(`${JSON.stringify(name)} is taken away by its whole name`, () => {
      assert.ok(!select(strange, [`!${name}`], true).names.includes(name));
    });
  }

  it("characters of regular expressions mean themselves", () => {
    assert.deepEqual(select([node("a.b"), node("axb")], ["a.*"]).names, ["a.b"]);
    assert.throws(() => select([node("axb")], ["a.b"]));
    assert.deepEqual(select([node("a\\d"), node("a1")], ["a\\*"]).names, ["a\\d"]);
  });

  it("a label named as something of every object is no label of every node", () => {
    assert.throws(() => select(strange, ["constructor=*"]), /matches no node/);
  });
});

describe("nodes whose labels cannot be read", () => {
  const some = [...fleet, node("broken", null)];

  it("are chosen by name, pattern and --all", () => {
    assert.deepEqual(select(some, ["broken"]).names, ["broken"]);
    assert.deepEqual(select(some, ["bro*"]).names, ["broken"]);
    assert.ok(select(some, [], true).names.includes("broken"));
  });

  it("are told where a label decides", () => {
    assert.deepEqual(select(some, ["role=db"]), { names: ["db1", "db2"], undecided: ["broken"] });
    assert.deepEqual(select(some, ["!tier=test"], true).undecided, ["broken"]);
    assert.deepEqual(select(some, ["role=db", "broken"]), { names: ["broken", "db1", "db2"], undecided: [] });
    assert.deepEqual(select(some, ["web*+role=web"]).undecided, [], "its name decides");
  });

  it("are no choice by themselves", () => {
    assert.throws(() => select([node("broken", null)], ["role=db"]), /the labels of broken cannot be read/);
  });
});

describe("patterns beyond measure", () => {
  const node = (name: string) => ({ name, labels: {}, enable: true });

  it("many stars take no time that grows with their number", () => {
    assert.throws(() => select([node("a".repeat(200))], [`${"*a".repeat(60)}*b`]), UsageError);
    assert.deepEqual(select([node("a".repeat(200))], ["*a".repeat(60)]).names, ["a".repeat(200)]);
  });

  it("one too long for a regular expression matches nothing, or what it is", () => {
    const long = "$(x)[é]".repeat(20_000);
    assert.throws(() => select([node("web1")], [long]), UsageError);
    assert.deepEqual(select([node(`${"x".repeat(1e5)}1`)], [`${"x".repeat(1e5)}[0-9]`]).names.length, 1);
  });
});
