// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is what Nix must not read as code
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, it } from "node:test";
import { missingPaths } from "../../../src/nix/store.ts";
import { derivation, withoutNix } from "../nix/real-nix.ts";
import { failure, host, open, useFlakes } from "./flakes.ts";

describe("openFleet", { skip: withoutNix }, () => {
  const flakes = useFlakes();

  it("takes a plain flake as it is", async () => {
    const fleet = await open(
      flakes.flake("plain", { web1: host("web1", '{ networking.hostName = "www"; }'), db1: host("db1") }),
    );
    assert.deepEqual([...fleet.nodes.keys()], ["db1", "web1"]);
    assert.equal(fleet.nodes.get("web1")?.hostName, "www");
    assert.deepEqual(fleet.nodes.get("db1")?.addresses, ["db1"]);
    assert.equal(fleet.broken.size, 0);
    assert.equal(fleet.named, null);
    const { drvPath, outPath } = await fleet.evaluate("web1");
    assert.match(outPath, /^\/nix\/store\/\w{32}-system-web1$/);
    assert.deepEqual(await missingPaths([drvPath, outPath]), [outPath], "instantiated, not built");
  });

  it("reads what hosts and flake say", async () => {
    const settings = `{ bungee = { addresses = [ "10.0.0.1" ]; labels.tier = 1; user = null; activation.timeout = 3; }; }`;
    const more = 'bungee = { defaults.user = "deploy"; nodes.web1.port = 2222; };';
    const fleet = await open(flakes.flake("said", { web1: host("web1", settings) }, more), {
      overrides: { elevation: "sudo" },
    });
    const { addresses, labels, user, port, elevation, activation } = fleet.nodes.get("web1")!;
    assert.deepEqual(
      { addresses, labels, user, port, elevation, activation },
      {
        addresses: ["10.0.0.1"],
        labels: { tier: "1" },
        user: "deploy",
        port: 2222,
        elevation: "sudo",
        activation: { timeout: 3, allowFailedUnits: false },
      },
    );
    assert.deepEqual(fleet.candidates, [{ name: "web1", labels: { tier: "1" }, enable: true }]);
  });

  it("never copies a key to the store", async () => {
    flakes.real.write({ "secret/id": "SECRET KEY" });
    const key = flakes.real.path("secret/id");
    const reference = flakes.flake("key", { web1: host("web1", `{ bungee.identityFile = /. + "${key}"; }`) });
    const fleet = await open(reference, { impure: true });
    assert.equal(fleet.nodes.get("web1")?.identityFile, key);
    assert.deepEqual(
      readdirSync("/nix/store").filter((name) => name.endsWith("-id")),
      [],
    );
  });

  it("names the field when a value cannot be text", async () => {
    const error = await failure(
      open(flakes.flake("function", { web1: host("web1", "{ bungee.user = { pkgs }: 1; }") })),
    );
    assert.equal(error.name, "ConfigurationError");
    assert.equal(error.message, 'nixosConfigurations.web1.config.bungee.user: "a function" is not a user name');
  });

  it("takes any name that nix takes", async () => {
    const names = [
      "a.b",
      'qu"ote',
      '${builtins.abort "x"}',
      "$",
      "back\\slash",
      "sp ace",
      "outPath",
      "''",
      "ü",
      "-dash",
      "#x",
    ];
    const settings = '{ bungee.addresses = [ "10.0.0.1" ]; }';
    const reference = flakes.flake(
      "names",
      Object.fromEntries(names.map((name, index) => [name, host(`n${index}`, settings)])),
    );
    const fleet = await open(reference);
    assert.deepEqual([...fleet.nodes.keys()].sort(), names.toSorted());
    const paths = await Promise.all(names.map(async (name) => (await fleet.evaluate(name)).outPath.slice(44)));
    assert.deepEqual(
      paths,
      names.map((_, index) => `system-n${index}`),
    );
    assert.equal((await open(`${reference}#a.b`)).named, "a.b");
  });

  it("20 nodes: one process each, no more than cores at a time, each answered as it ends", async () => {
    const names = Array.from({ length: 20 }, (_, index) => `node${index}`);
    const work = `builtins.seq (builtins.foldl' (a: b: a + b) 0 (builtins.genList (n: n) 3000000))`;
    const slow = `{ config.system.build.toplevel = ${work} ${derivation("slow", "echo > $out")}; }`;
    const reference = flakes.flake("many", { ...Object.fromEntries(names.map((name) => [name, host(name)])), slow });
    const fleet = await open(reference, { machine: { cores: 2, freeMemory: () => 64 * 1024 ** 3 } });
    flakes.real.calls();
    const ended: string[] = [];
    const ask = async (name: string) => {
      await fleet.evaluate(name);
      ended.push(name);
    };
    await Promise.all(["slow", ...names, "node0"].map(ask));
    const { lines, most } = flakes.real.calls();
    assert.equal(lines.filter((line) => line.startsWith("nix eval")).length, 21, "node0 is evaluated once");
    assert.equal(most, 2);
    assert.ok(ended.indexOf("slow") > 1, ended.join(" "));
  });

  it("stops when it is interrupted", async () => {
    const reference = flakes.flake("forever", {
      web1: "{ config = builtins.genericClosure { startSet = [ { key = 0; } ]; operator = x: [ { key = x.key + 1; } ]; }; }",
    });
    const stopped = new Error("stopped");
    const interruption = new AbortController();
    setTimeout(() => interruption.abort(stopped), 300);
    assert.equal(await failure(open(reference, { signal: interruption.signal })), stopped);
  });

  describe("says at once what is wrong with a flake", () => {
    const cases: readonly [string, string, string, RegExp][] = [
      [
        "no hosts",
        "{ outputs = { self }: { }; }",
        "ConfigurationError",
        /has no nixosConfigurations: there is no host$/,
      ],
      [
        "an empty set of hosts",
        "{ outputs = { self }: { nixosConfigurations = { }; }; }",
        "ConfigurationError",
        /an empty nixosConf/,
      ],
      ["outputs that throw", '{ outputs = { self }: throw "no outputs"; }', "EvaluationError", /the flake's outputs/],
      [
        "settings that throw",
        `{ outputs = { self }: { nixosConfigurations.a = { }; bungee = throw "no settings"; }; }`,
        "EvaluationError",
        /the flake's outputs/,
      ],
      ["a syntax error", "{ outputs = ; }", "EvaluationError", /nix cannot read the flake/],
    ];
    for (const [what, code, name, message] of cases) {
      it(what, async () => {
        const folder = `wrong/${what.replaceAll(" ", "-")}`;
        flakes.real.write({ [`${folder}/flake.nix`]: code });
        const error = await failure(open(`path:${flakes.real.path(folder)}`));
        assert.equal(error.name, name);
        assert.match(error.message, message);
      });
    }

    it("a fragment that is no node", async () => {
      const error = await failure(open(`${flakes.flake("fragment", { web1: host("web1") })}#wbe1`));
      assert.equal(error.name, "UsageError");
      assert.match(error.message, /no node wbe1 in nixosConfigurations; did you mean web1\?$/);
    });
  });

  it("a flake in a folder of a repository, named from there, with a fragment", async () => {
    flakes.real.write({
      "mono/shared.nix": host("mono"),
      "mono/hosts/flake.nix": "{ outputs = { self }: { nixosConfigurations.web1 = import ../shared.nix; }; }",
    });
    flakes.real.commit("mono");
    const fleet = await open(".#web1", { cwd: flakes.real.path("mono/hosts") });
    assert.equal(fleet.named, "web1");
    assert.match((await fleet.evaluate("web1")).outPath, /system-mono$/);
  });
});
