import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { didYouMean, nearest } from "../../../src/fleet/nearest.ts";

const settings = ["addresses", "user", "port", "labels", "after", "enable", "build", "activation"];

describe("nearest", () => {
  for (const [word, meant] of [
    ["adresses", "addresses"],
    ["address", "addresses"],
    ["Port", "port"],
    ["prot", "port"],
    ["usr", "user"],
    ["lables", "labels"],
    ["activaton", "activation"],
    ["x", undefined],
    ["", undefined],
    ["healthChecks", undefined],
  ] as const) {
    it(`${word} → ${meant}`, () => assert.equal(nearest(word, settings), meant));
  }

  it("takes the nearer of two", () => assert.equal(nearest("web12", ["web1", "web123", "web12x"]), "web1"));
  it("does not compare what nobody can have mistyped", () => {
    assert.equal(nearest("x".repeat(1e6), ["x".repeat(1e6 - 1)]), undefined);
    assert.equal(nearest("web1", ["web1".repeat(1e6)]), undefined);
  });
  it("finds nothing among nothing", () => assert.equal(didYouMean("web1", []), ""));
  it("asks", () => assert.equal(didYouMean("wbe1", ["web1"]), "; did you mean web1?"));
});
