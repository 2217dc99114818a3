import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { z } from "zod";
import { evaluate } from "../../../src/nix/eval.ts";
import {
  parseMetadata,
  pinnedRef,
  type Snapshot,
  splitFragment,
  snapshotFlake as take,
} from "../../../src/nix/flake.ts";
import { nixVersion } from "../../../src/nix/version.ts";
import { RealNix, withoutNix } from "./real-nix.ts";

describe("splitFragment", () => {
  for (const [typed, flake, fragment] of [
    [".", ".", null],
    [".#web1", ".", "web1"],
    ["#web1", ".", "web1"],
    ["/srv/fleet#", "/srv/fleet", null],
    ["git+https://example.org/fleet?dir=hosts#web1", "git+https://example.org/fleet?dir=hosts", "web1"],
    ['.#"a.b"', ".", "a.b"],
    ['.#nixosConfigurations."a.b"', ".", "a.b"],
    [".#nixosConfigurations.web1", ".", "web1"],
    [".#a%20b", ".", "a b"],
    [".#100%", ".", "100%"],
  ] as const) {
    it(typed, () => assert.deepEqual(splitFragment(typed), { flake, fragment }));
  }
});

describe("metadata as recorded", () => {
  for (const version of ["2.8", "2.26", "2.34"]) {
    const read = (name: string) => {
      const file = join(import.meta.dirname, "recorded", `nix-${version}`, `metadata-${name}.json`);
      const metadata = parseMetadata(readFileSync(file, "utf8"));
      assert.ok(metadata);
      return metadata;
    };

    it(`nix ${version}: a git flake keeps its revision`, () => {
      const ref = new URL(pinnedRef(read("git")));
      assert.match(ref.pathname, /^\/nix\/store\/\w{32}-source$/);
      assert.deepEqual(Object.fromEntries(ref.searchParams), {
        narHash: "sha256-htlSLzqkFq0Gbe2NfOgfD438YzN7curhXKZtdpddDok=",
        rev: "31a400dd065065419b1d7de49a04394a0084a5d3",
        revCount: "1",
        lastModified: "1767323045",
      });
    });

    it(`nix ${version}: a dirty tree and a path: flake have none`, () => {
      for (const name of ["dirty", "path"]) {
        assert.deepEqual([...new URL(pinnedRef(read(name))).searchParams.keys()], ["narHash", "lastModified"]);
      }
    });
  }

  it("percent-encodes what nix would misread", () => {
    const locked = { type: "git", narHash: "sha256-+/=", dir: "my hosts" };
    const metadata = { path: "/nix/store/x-source", resolvedUrl: "", locked, locks: {} };
    assert.equal(pinnedRef(metadata), "path:/nix/store/x-source?narHash=sha256-%2B%2F%3D&dir=my%20hosts");
  });

  for (const text of ["", "{}", "null", '{"path":"/nix/store/x"}']) {
    it(`is not ${text || "nothing"}`, () => assert.equal(parseMetadata(text), undefined));
  }
});

describe("snapshotFlake", { skip: withoutNix }, () => {
  const real = withoutNix ? undefined : new RealNix();
  after(() => real?.[Symbol.dispose]());
  const snapshotFlake = async (flake: string, options = {}) => take(flake, await nixVersion(), options);
  const ask = (snapshot: Snapshot, expression: string) =>
    evaluate("a test", `let flake = ${snapshot.expression}; in ${expression}`, z.unknown(), snapshot);

  it("pins a git flake: the snapshot says of itself what the origin says", async () => {
    real!.write({ "git/flake.nix": '{ description = "d"; outputs = { self }: { x = self.rev; }; }' });
    real!.commit("git");
    const revision = real!.git("git", "rev-parse", "HEAD");
    const snapshot = await snapshotFlake(real!.path("git"));
    assert.equal(snapshot.revision, revision);
    assert.equal(snapshot.description, "d");
    assert.equal(snapshot.lockHash, null);
    assert.equal(snapshot.fromWorkTree, true);
    assert.equal(await ask(snapshot, "flake.x"), revision);
    assert.equal(await ask(snapshot, "flake.outPath"), snapshot.path);

    real!.write({ "git/flake.nix": "{ outputs = { self }: { x = 2; }; }" });
    assert.equal(await ask(snapshot, "flake.x"), revision, "the snapshot stays as it was");
    const dirty = await snapshotFlake(real!.path("git"));
    assert.notEqual(dirty.ref, snapshot.ref);
    assert.equal(await ask(dirty, "flake.x"), 2);
  });

  it("knows a flake in a folder of a repository, from within that folder", async () => {
    real!.write({
      "mono/hosts dir/flake.nix": "{ outputs = { self }: { x = import ../shared.nix; }; }",
      "mono/shared.nix": "42",
    });
    real!.commit("mono");
    const snapshot = await snapshotFlake(".", { cwd: real!.path("mono/hosts dir") });
    assert.equal(snapshot.dir, "hosts dir");
    assert.equal(await ask(snapshot, "flake.x"), 42);
    assert.equal(await ask(snapshot, "flake.rev"), real!.git("mono", "rev-parse", "HEAD"));
    real!.write({ "mono/shared.nix": "43" });
    const dirty = await snapshotFlake(`git+file://${real!.path("mono")}?dir=hosts%20dir`);
    assert.equal(await ask(dirty, "flake.x"), 43);
    assert.equal(await ask(dirty, 'flake.rev or "dirty"'), "dirty");
  });

  it("pins inputs by the lock file that nix writes at the first time", async () => {
    real!.write({
      "input/flake.nix": "{ outputs = { self }: { x = 1; }; }",
      "locks/flake.nix": `{ inputs.input.url = "path:${real!.path("input")}"; outputs = { self, input }: { x = input.x; }; }`,
    });
    real!.commit("locks");
    const snapshot = await snapshotFlake(real!.path("locks"));
    assert.match(snapshot.lockHash ?? "", /^[0-9a-f]{64}$/);
    assert.equal(await ask(snapshot, "flake.x"), 1);
    assert.equal(real!.git("locks", "ls-files"), "flake.lock\nflake.nix");
    assert.deepEqual(await snapshotFlake(real!.path("locks")), snapshot);
  });

  it("pins a path: flake that is no repository", async () => {
    real!.write({ "plain/flake.nix": "{ outputs = { self }: { x = 1; }; }" });
    const snapshot = await snapshotFlake(`path:${real!.path("plain")}`);
    assert.deepEqual([snapshot.revision, snapshot.fromWorkTree], [null, false]);
    assert.equal(await ask(snapshot, "flake.x"), 1);
  });

  for (const [what, flake, detail] of [
    ["a folder that is not there", "/nowhere/at/all", /No such file/],
    ["a folder without a flake", "path:/etc", /flake\.nix/],
    ["no flake reference", "http//", /http/],
  ] as const) {
    it(`tells ${what}`, async () => {
      await assert.rejects(snapshotFlake(flake), (error: Error & { detail?: string }) => {
        assert.equal(error.name, "EvaluationError");
        assert.ok(error.message.includes(flake), error.message);
        assert.match(error.detail ?? "", detail);
        return true;
      });
    });
  }

  it("shows where a syntax error is", async () => {
    real!.write({ "broken/flake.nix": "{ outputs = { self }: {\n  x = ;\n}; }" });
    real!.commit("broken");
    await assert.rejects(snapshotFlake(real!.path("broken")), (error: Error & { detail?: string }) => {
      assert.match(error.detail ?? "", /syntax error.*flake\.nix:2:\d+/s);
      return true;
    });
  });
});
