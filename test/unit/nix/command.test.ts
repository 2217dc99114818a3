// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what Nix must not read as code
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { nix, nixString } from "../../../src/nix/command.ts";
import { evalCommand } from "../../../src/nix/eval.ts";
import { runLocal } from "../../../src/process.ts";
import { RealNix, withoutNix } from "./real-nix.ts";

describe("nixString", () => {
  for (const [text, literal] of [
    ["web1", '"web1"'],
    ["", '""'],
    ['a"b', '"a\\"b"'],
    ["a\\b", '"a\\\\b"'],
    ["${x}", '"\\${x}"'],
    ["$${x}", '"$\\${x}"'],
    ["$x", '"$x"'],
    ["a\n\tb\r", '"a\\n\\tb\\r"'],
  ] as const) {
    it(JSON.stringify(text), () => assert.equal(nixString(text), literal));
  }

  it("gives nix back what it was given", { skip: withoutNix }, async () => {
    const real = new RealNix();
    after(() => real[Symbol.dispose]());
    const hostile = [
      "a.b c",
      '"',
      "\\",
      '${builtins.abort "x"}',
      "$${x}",
      "\\${x}",
      "$",
      '\\"${x}',
      "''",
      "é\n\t",
      "$\\",
    ];
    const { stdout, stderr } = await runLocal(evalCommand(`[ ${hostile.map(nixString).join(" ")} ]`));
    assert.equal(stderr, "");
    assert.deepEqual(JSON.parse(stdout), hostile);
  });
});

it("asks for the experimental features at every call", () => {
  assert.deepEqual(nix(["flake", "metadata"], "--json").argv, [
    "nix",
    "flake",
    "metadata",
    "--extra-experimental-features",
    "nix-command flakes",
    "--json",
  ]);
});
