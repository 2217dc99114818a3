import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { EvaluationLine } from "../../../src/fleet/evaluation.ts";
import type { OpenOptions } from "../../../src/fleet/fleet.ts";
import { missingPaths } from "../../../src/nix/store.ts";
import { runLocal } from "../../../src/process.ts";
import { derivation, withoutNix } from "../nix/real-nix.ts";
import { host, open, useFlakes } from "./flakes.ts";

describe("the evaluation cache", { skip: withoutNix }, () => {
  const flakes = useFlakes();
  const asked = (lines: readonly string[]) =>
    lines.map((line) => /^nix-store --\S+|^nix \S+/.exec(line)?.[0] ?? line).sort();
  const unchanged = ["nix --version", "nix flake", "nix-store --check-validity"];
  const all = async (reference: string, options: Partial<OpenOptions> = {}) => {
    const fleet = await open(reference, options);
    return Promise.all([...fleet.nodes.keys()].map((name) => fleet.evaluate(name)));
  };

  it("an unchanged flake evaluates nothing", async () => {
    const reference = flakes.flake("cached", { web1: host("web1"), web2: host("web2") });
    flakes.real.calls();
    const first = await all(reference);
    assert.deepEqual(asked(flakes.real.calls().lines), ["nix --version", ...Array(4).fill("nix eval"), "nix flake"]);
    assert.deepEqual(await all(reference), first);
    assert.deepEqual(asked(flakes.real.calls().lines), unchanged);
    // Another commit of the same tree is another flake: it sees another self.rev.
    flakes.real.git("cached", "commit", "--quiet", "--allow-empty", "--message", "again");
    await all(reference);
    assert.equal(asked(flakes.real.calls().lines).filter((line) => line === "nix eval").length, 4);
    flakes.real.write({
      "cached/flake.nix": `{ outputs = { self }: { nixosConfigurations.web3 = ${host("web3")}; }; }`,
    });
    assert.match((await all(reference))[0]?.outPath ?? "", /system-web3$/);
  });

  it("derivations that were collected are evaluated again", async () => {
    const reference = flakes.flake("collected", { web1: host("web1") });
    const [first] = await all(reference);
    assert.equal((await runLocal({ argv: ["nix-store", "--delete", first!.drvPath] })).code, 0);
    assert.deepEqual(await all(reference), [first]);
    assert.deepEqual(await missingPaths([first!.drvPath]), []);
  });

  it("spoiled entries are evaluated again, and mended", async () => {
    const reference = flakes.flake("spoiled", { web1: host("web1") });
    const first = await all(reference);
    const folder = flakes.real.path("cache", "bungee", "eval");
    for (const name of readdirSync(folder)) writeFileSync(`${folder}/${name}`, '{"key":1,"value":{"drvPath":"/bin/sh"');
    assert.deepEqual(await all(reference), first);
    flakes.real.calls();
    await all(reference);
    assert.deepEqual(asked(flakes.real.calls().lines), unchanged);
  });

  it("what may differ each time is not remembered", async () => {
    const reference = flakes.flake("impure", {
      web1: host("web1", '{ bungee.labels.of = builtins.getEnv "BUNGEE_TEST"; }'),
    });
    process.env.BUNGEE_TEST = "one";
    assert.equal((await open(reference, { impure: true })).nodes.get("web1")?.labels.of, "one");
    process.env.BUNGEE_TEST = "two";
    assert.equal((await open(reference, { impure: true })).nodes.get("web1")?.labels.of, "two");
    assert.equal((await open(reference)).nodes.get("web1")?.labels.of, "", "pure evaluation sees no environment");
  });

  it("warnings are said each time, and once", async () => {
    const toplevel = derivation("warns", "echo > $out");
    const config = `builtins.trace "warning: old option" { system.build.toplevel = ${toplevel}; }`;
    const reference = flakes.flake("warns", { web1: `{ config = ${config}; }` });
    for (const _ of ["evaluated", "cached"]) {
      const lines: EvaluationLine[] = [];
      await all(reference, { onLine: (line) => lines.push(line) });
      assert.deepEqual(
        lines.filter(({ verbose }) => !verbose),
        [{ node: "web1", line: "trace: warning: old option", verbose: false }],
      );
    }
  });

  it("of more warnings than anybody reads the first are said again", async () => {
    const traces = `builtins.foldl' (value: i: builtins.trace "\${toString i}" value)`;
    const config = `${traces} { system.build.toplevel = ${derivation("talks", "echo > $out")}; } (builtins.genList (i: i) 300)`;
    const reference = flakes.flake("talks", { web1: `{ config = ${config}; }` });
    const said: string[][] = [[], []];
    for (const lines of said) {
      await all(reference, { onLine: ({ line, verbose }) => void (verbose || lines.push(line)) });
    }
    const [first, again] = said as [string[], string[]];
    assert.deepEqual([first.length, first[0]], [300, "trace: 0"]);
    assert.deepEqual(again, [...first.slice(0, 200), "and 100 more lines like these"]);
  });

  it("errors are not remembered", async () => {
    const reference = flakes.flake("moment", { web1: '{ config = throw "no"; }', web2: host("web2") });
    assert.equal((await open(reference)).broken.size, 1);
    assert.equal((await open(reference)).broken.size, 1);
  });

  it("can be left out", async () => {
    const reference = flakes.flake("none", { web1: host("web1") });
    await all(reference, { cacheDirectory: null });
    assert.throws(() => readdirSync(flakes.real.path("cache", "bungee")), { code: "ENOENT" });
  });
});
