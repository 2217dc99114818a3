// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is what Nix must not read as code
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { choose } from "../../../../src/commands/selection.ts";
import type { Fleet } from "../../../../src/fleet/fleet.ts";
import { withoutNix } from "../../nix/real-nix.ts";
import { failure, host, open, useFlakes } from "../flakes.ts";
import { built, deploy, deployNode, hive, hiveNode } from "./outputs.ts";

const namesOf = (fleet: Fleet, ...selectors: string[]) =>
  choose(fleet, { selectors, all: false }).nodes.map(({ name }) => name);

describe("flakes of others", { skip: withoutNix }, () => {
  const flakes = useFlakes();
  /** A flake of these outputs. */
  const flake = (folder: string, outputs: string) => {
    flakes.real.write({ [`${folder}/flake.nix`]: `{ outputs = { self }: { ${outputs} }; }` });
    flakes.real.commit(folder);
    return flakes.real.path(folder);
  };

  describe("deploy-rs", () => {
    it("is found by itself: each profile a node, chosen together or alone", async () => {
      const nodes = {
        web1: deployNode('profilesOrder = [ "blog" ];', ["system", "blog"]),
        db: deployNode("", ["system"]),
      };
      const reference = flake("profiles", deploy(nodes, 'sshUser = "deploy";'));
      const fleet = await open(reference);
      assert.equal(fleet.schema, "deploy-rs");
      assert.deepEqual(fleet.notes, []);
      assert.deepEqual([...fleet.nodes.keys()], ["db", "web1", "web1.blog"]);
      assert.deepEqual(fleet.nodes.get("web1")?.after, ["web1.blog"]);
      assert.equal(fleet.nodes.get("web1")?.user, "deploy");
      assert.match((await fleet.evaluate("web1")).outPath, /-profile-system$/);
      assert.match((await fleet.evaluate("web1.blog")).outPath, /-profile-blog$/);
      assert.deepEqual(namesOf(fleet, "web1"), ["web1", "web1.blog"]);
      assert.deepEqual(namesOf(fleet, "web1.blog"), ["web1.blog"]);
      assert.deepEqual(namesOf(fleet, "web1.system"), ["web1"]);
      assert.deepEqual(namesOf(fleet, "web?"), ["web1", "web1.blog"]);
      assert.deepEqual(namesOf(fleet, "*", "!web1"), ["db"]);
      assert.deepEqual(namesOf(fleet, "*", "!web1.blog"), ["db", "web1"]);
      for (const [fragment, expected] of [
        ["web1", ["web1", "web1.blog"]],
        ["web1.blog", ["web1.blog"]],
        ['"web1"."blog"', ["web1.blog"]],
        ["web1.system", ["web1"]],
      ] as const) {
        const named = await open(`${reference}#${fragment}`);
        assert.deepEqual(
          choose(named, { selectors: [], all: false }).nodes.map(({ name }) => name),
          expected,
        );
      }
      assert.match(
        (await failure(open(`${reference}#web1.blgo`))).message,
        /no node web1\.blgo in deploy\.nodes; did you mean web1\.blog\?$/,
      );
    });

    it("takes any name that nix takes, and never reads one as code", async () => {
      const names = ["a.b", 'qu"ote', '${builtins.abort "x"}', "back\\slash", "sp ace", "outPath", "''", "ü", "#x"];
      const fleet = await open(
        flake("odd-names", deploy(Object.fromEntries(names.map((name) => [name, deployNode("", ["system", "blog"])])))),
      );
      assert.deepEqual([...fleet.nodes.keys()].sort(), names.flatMap((name) => [name, `${name}.blog`]).sort());
      for (const name of names) assert.match((await fleet.evaluate(`${name}.blog`)).outPath, /-profile-blog$/);
    });

    it("a path may be a text with a derivation in it; one of no derivation is that profile's error alone", async () => {
      const text = `{ hostname = "a"; user = "root"; profiles = {
        text.path = "\${${built("as-text")}}"; plain.path = "/nix/store/00000000000000000000000000000000-x"; number.path = 5; }; }`;
      const fleet = await open(flake("texts", deploy({ web1: text })));
      const { drvPath, outPath } = await fleet.evaluate("web1.text");
      assert.match(outPath, /^\/nix\/store\/\w{32}-as-text$/);
      assert.match(drvPath, /-as-text\.drv$/);
      assert.match((await failure(fleet.evaluate("web1.plain"))).detail ?? "", /path of no derivation of this flake/);
      assert.equal((await failure(fleet.evaluate("web1.number"))).name, "EvaluationError");
    });

    it("a host that cannot be read is its own error, and a host's system is forced by nobody who reads its settings", async () => {
      const fleet = await open(
        flake(
          "broken",
          deploy({
            good: '{ hostname = "a"; user = "root"; profiles.system.path = throw "forced"; }',
            bad: '{ hostname = throw "no name"; profiles = { }; }',
            worse: '{ hostname = "a"; profiles = { x = 1 + "1"; }; }',
          }),
        ),
      );
      assert.deepEqual([...fleet.nodes.keys()], ["good"]);
      assert.deepEqual([...fleet.broken.keys()].sort(), ["bad", "worse"]);
      assert.match(fleet.broken.get("bad")?.detail ?? "", /no name/);
      assert.match((await failure(fleet.evaluate("good"))).detail ?? "", /forced/);
    });

    it("errors name the field, all of them at once", async () => {
      const error = await failure(
        open(
          flake(
            "wrong",
            deploy({
              web1: deployNode("confirmTimeuot = 3;", ["system"]),
              web2: deployNode("activationTimeout = { f }: 1;", ["system"]),
            }),
          ),
        ),
      );
      assert.equal(error.name, "ConfigurationError");
      assert.match(
        error.message,
        /deploy\.nodes\.web1\.confirmTimeuot: no such setting \(it is 3\); did you mean confirmTimeout\?/,
      );
      assert.match(error.message, /deploy\.nodes\.web2\.activationTimeout: "a function" is not a whole number/);
    });
  });

  describe("colmena", () => {
    it("is found by itself; tags choose, keys are never read", async () => {
      const nodes = {
        alpha: hiveNode("alpha", 'tags = [ "web" "infra-lax" ]; targetPort = 2222;'),
        beta: hiveNode(
          "beta",
          'tags = [ "infra-sfo" ]; keys.acme = { text = throw "a secret was read"; uploadAt = "pre-activation"; };',
        ),
        gamma: hiveNode("gamma", "targetHost = null;"),
      };
      const fleet = await open(flake("hive", hive(nodes, "allowApplyAll = false;")));
      assert.equal(fleet.schema, "colmena");
      assert.equal(fleet.nodes.get("alpha")?.port, 2222);
      assert.deepEqual(namesOf(fleet, "@web"), ["alpha"]);
      assert.deepEqual(namesOf(fleet, "@infra-*"), ["alpha", "beta"]);
      assert.deepEqual(namesOf(fleet, "@infra-*", "!@web"), ["beta"]);
      assert.deepEqual(namesOf(fleet, "web=true"), ["alpha"]);
      assert.throws(() => namesOf(fleet, "@wbe"), /@wbe matches no node; did you mean @web\?/);
      assert.throws(() => namesOf(fleet, "gamma"), /gamma is disabled \(deployment\.targetHost = null/);
      assert.deepEqual(fleet.reading.nodes.get("beta")?.keys, ["acme"]);
      assert.equal(fleet.reading.notAll, "meta.allowApplyAll is false");
      assert.match((await fleet.evaluate("alpha")).outPath, /-hive-alpha$/);
    });

    it("an output colmena alone is told how to become one that can be read", async () => {
      const error = await failure(open(flake("raw-hive", "colmena = { meta = { }; alpha = { }; };")));
      assert.match(error.message, /has the output colmena, and no colmenaHive/);
      assert.match(error.mend, /colmena\.lib\.makeHive/);
    });
  });

  describe("of several kinds", () => {
    const configurations = (config = "{ }") => `nixosConfigurations.web1 = ${host("mixed", config)};`;
    const other = deploy({ web1: deployNode("", ["system"]) });
    const third = hive({ web1: hiveNode("web1") });
    const cases: readonly [
      what: string,
      outputs: string,
      schema: "auto" | "bungee" | "deploy-rs" | "colmena",
      taken: string,
      note?: RegExp,
    ][] = [
      [
        "plain and deploy-rs",
        configurations() + other,
        "auto",
        "deploy-rs",
        /^the hosts are those of deploy\.nodes, .*; --schema bungee takes nixosConfigurations$/,
      ],
      [
        "settings of bungee in a host",
        configurations('{ bungee.user = "me"; }') + other,
        "auto",
        "bungee",
        /--schema deploy-rs takes deploy\.nodes$/,
      ],
      [
        "options that nobody set",
        configurations("{ bungee = { user = null; activation.timeout = null; }; }") + other,
        "auto",
        "deploy-rs",
        /./,
      ],
      ["an output of bungee", `${configurations()}${other} bungee.defaults.user = "me";`, "auto", "bungee", /./],
      ["one about branches", `${configurations()}${other} bungee.ci.main = "trunk";`, "auto", "deploy-rs", /./],
      ["plain and colmena", configurations() + third, "auto", "colmena", /--schema bungee takes nixosConfigurations$/],
      [
        "all three",
        configurations() + other + third,
        "auto",
        "deploy-rs",
        /bungee takes nixosConfigurations, --schema colmena takes colmenaHive$/,
      ],
      ["all three", configurations() + other + third, "bungee", "bungee"],
      ["all three", configurations() + other + third, "colmena", "colmena"],
      [
        "a broken host beside",
        `nixosConfigurations.web1 = { config = throw "broken"; }; ${other}`,
        "auto",
        "deploy-rs",
        /./,
      ],
      ["a hive with an output of bungee", `${third} bungee.nodes.web1.user = "me";`, "auto", "colmena"],
    ];
    for (const [index, [what, outputs, schema, taken, note]] of cases.entries()) {
      it(`${what}, --schema ${schema}: ${taken}`, async () => {
        const fleet = await open(flake(`mixed-${index}`, outputs), { schema });
        assert.equal(fleet.schema, taken);
        assert.deepEqual([...fleet.nodes.keys()], ["web1"]);
        const notes = fleet.notes.map(({ message }) => message);
        assert.equal(notes.length, note ? 1 : 0, notes.join(" | "));
        if (note) assert.match(notes[0]!, note);
        // Once more, from the cache.
        assert.deepEqual((await open(flakes.real.path(`mixed-${index}`), { schema })).nodes, fleet.nodes);
      });
    }

    it("bungee's output on top of deploy-rs, where that is asked for; flags win", async () => {
      const outputs = `${configurations('{ bungee.user = "not asked"; }')}${other} bungee = { defaults.elevation = "run0"; nodes.web1 = { port = 7; user = "me"; }; };`;
      const fleet = await open(flake("on-top", outputs), { schema: "deploy-rs", overrides: { port: 9 } });
      const { user, port, elevation } = fleet.nodes.get("web1")!;
      assert.deepEqual([user, port, elevation], ["me", 9, "run0"]);
      const error = await failure(
        open(flake("on-top-wrong", `${other} bungee.nodes.wbe1 = { };`), { schema: "deploy-rs" }),
      );
      assert.match(error.message, /^bungee\.nodes\.wbe1: no such node in deploy\.nodes; did you mean web1\?$/);
    });

    it("one that is not there", async () => {
      const reference = flake("none", configurations());
      assert.match(
        (await failure(open(reference, { schema: "deploy-rs" }))).message,
        /has no deploy\.nodes: there is no host$/,
      );
      assert.match(
        (await failure(open(reference, { schema: "colmena" }))).message,
        /has no colmenaHive: there is no host$/,
      );
    });
  });
});
