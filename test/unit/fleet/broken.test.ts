import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import type { Fleet } from "../../../src/fleet/fleet.ts";
import { withoutNix } from "../nix/real-nix.ts";
import { failure, host, open, useFlakes } from "./flakes.ts";

describe("a broken node is broken alone", { skip: withoutNix }, () => {
  const flakes = useFlakes();
  let fleet: Fleet;
  before(async () => {
    flakes.real.write({
      "broken/syntax.nix": "{ config = {\n  networking.hostName = ;\n}; }",
      "broken/uses.nix": "{ config = import ./untracked.nix; }",
    });
    const reference = flakes.flake("broken", {
      fine1: host("fine1"),
      fine2: host("fine2", '{ bungee.labels.role = "web"; }'),
      syntax: "import ./syntax.nix",
      throws: '{ config = throw "Failed assertions:\\n- no root file system"; }',
      throws2: `{ config.bungee.port = builtins.addErrorContext "while evaluating the option \`bungee.port':" (throw "odd"); }`,
      lacks: "{ config.networking = { hostName = { }.missing; }; }",
      recursion: "{ config = let x = x; in x; }",
      overflow: "{ config.bungee = let f = n: 1 + f (n + 1); in f 0; }",
      aborts: '{ config.bungee = abort "no way"; }',
      untracked: "import ./uses.nix",
      "system-lacks": "{ config.system.build = { }; }",
      "system-throws": `{ config.system.build.toplevel = throw "not built"; }`,
      "no-derivation": '{ config.system.build.toplevel = "text"; }',
    });
    flakes.real.write({ "broken/untracked.nix": "{ }" });
    fleet = await open(reference);
  });

  it("all others are there, and are evaluated", async () => {
    assert.deepEqual([...fleet.nodes.keys()].slice(0, 2), ["fine1", "fine2"]);
    assert.equal(fleet.nodes.get("fine2")?.labels.role, "web");
    const [first, second] = await Promise.all([fleet.evaluate("fine1"), fleet.evaluate("fine2")]);
    assert.notEqual(first.drvPath, second.drvPath);
  });

  const settings: readonly [string, RegExp, RegExp?][] = [
    ["syntax", /^syntax error.*\nat syntax\.nix:2:\d+$/],
    ["throws", /^Failed assertions:\n- no root file system/],
    ["throws2", /^odd\n(at flake\.nix:\d+:\d+\n)?while evaluating the option `bungee\.port'$/],
    ["lacks", /^attribute 'missing' missing\nat flake\.nix:\d+:\d+$/],
    ["recursion", /^infinite recursion encountered\nat flake\.nix/],
    ["overflow", /stack overflow/],
    ["aborts", /no way/],
    ["untracked", /untracked\.nix/, /git add/],
  ];
  for (const [name, detail, mend] of settings) {
    it(name, async () => {
      const error = fleet.broken.get(name);
      assert.ok(error);
      assert.equal(error.message, `nix cannot evaluate ${name}`);
      assert.equal(error.node, name);
      assert.match(error.detail ?? "", detail);
      assert.doesNotMatch(error.detail ?? "", /\u001b|-source\//);
      assert.match(error.mend, mend ?? /correct the configuration/);
      assert.ok(!fleet.nodes.has(name));
      assert.equal(await failure(fleet.evaluate(name)), error);
    });
  }

  const systems: readonly [string, RegExp][] = [
    ["system-lacks", /attribute 'toplevel' missing/],
    ["system-throws", /^not built/],
    ["no-derivation", /^this is the path of no derivation of this flake: text/],
  ];
  for (const [name, detail] of systems) {
    it(name, async () => {
      assert.ok(fleet.nodes.has(name));
      const error = await failure(fleet.evaluate(name));
      assert.deepEqual([error.name, error.node], ["EvaluationError", name]);
      assert.match(error.detail ?? "", detail);
    });
  }

  it("knows no more and no less", () => {
    assert.deepEqual([...fleet.broken.keys()].sort(), settings.map(([name]) => name).sort());
    assert.deepEqual(
      fleet.candidates.find(({ name }) => name === "throws"),
      { name: "throws", labels: null, enable: true },
    );
  });
});
