/** nix/module.nix and src/fleet/schema.ts say the same: the same settings, and values of the same kinds. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { it } from "node:test";
import { z } from "zod";
import { checkSettings, settingsSchema } from "../../src/fleet/schema.ts";

/** As much of nixpkgs' lib as the module uses; a type is a text that says what it takes. */
const EXPRESSION = `
let
  types = {
    bool = "bool"; str = "str"; int = "int"; float = "float"; port = "port";
    nullOr = type: type;
    listOf = type: "list of " + type;
    attrsOf = type: "set of " + type;
    oneOf = kinds: builtins.concatStringsSep "|" kinds;
    either = one: other: one + "|" + other;
    ints.between = least: most: "integer from \${toString least} to \${toString most}";
    enum = builtins.concatStringsSep "|";
    addCheck = type: check: { outPath = if check 0 then "number" else if check 0.5 then "positive" else "?"; };
  };
  lib = { inherit types; mkOption = { type, default, description }: assert default == null; "" + type; };
in (import ${join(import.meta.dirname, "..", "..", "nix", "module.nix")} { inherit lib; }).options.bungee`;

/** Values that an option of a type takes, and one that it does not take. */
const SAMPLES: Readonly<Record<string, { good: readonly unknown[]; bad: unknown }>> = {
  bool: { good: [true, false], bad: "yes" },
  str: { good: ["key"], bad: 1 },
  port: { good: [1, 22, 65535], bad: 65536 },
  positive: { good: [0.5, 240], bad: 0 },
  "integer from 1 to 86400": { good: [1, 86400], bad: 0.5 },
  "list of str": { good: [["web1"]], bad: "web1" },
  "set of str|int|bool": { good: [{ role: "dns", rank: 1, core: true }], bad: ["dns"] },
  "auto|none|sudo": { good: ["auto", "none", "sudo"], bad: "su" },
  "local|target": { good: ["local", "target"], bad: "remote" },
};

type Tree = { readonly [name: string]: string | Tree };
const module: Tree = JSON.parse(
  execFileSync(
    "nix",
    ["--extra-experimental-features", "nix-command", "eval", "--json", "--impure", "--expr", EXPRESSION],
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  ),
);

it("the NixOS module has the settings of the schema, and no others", () => {
  assert.deepEqual(namesOf(module), namesOf(settingsSchema.shape));
});

for (const [path, type] of leavesOf(module)) {
  it(`${path} takes the same values in both`, () => {
    const samples = SAMPLES[type];
    assert.ok(samples, `the test knows no samples for the type ${type}`);
    for (const value of samples.good) assert.deepEqual(checkSettings("config.bungee", at(path, value)).errors, []);
    assert.equal(checkSettings("config.bungee", at(path, samples.bad)).errors.length, 1);
  });
}

function namesOf(settings: object): string[] {
  return Object.entries(settings)
    .flatMap(([name, inner]) => {
      const bare = inner instanceof z.ZodOptional ? inner.unwrap() : inner;
      const group = bare instanceof z.ZodObject ? bare.shape : bare instanceof z.ZodType ? undefined : bare;
      return typeof group === "object" ? namesOf(group).map((rest) => `${name}.${rest}`) : [name];
    })
    .sort();
}

function leavesOf(tree: Tree): [string, string][] {
  return Object.entries(tree).flatMap(([name, inner]) =>
    typeof inner === "string"
      ? [[name, inner]]
      : leavesOf(inner).map(([rest, type]): [string, string] => [`${name}.${rest}`, type]),
  );
}

function at(path: string, value: unknown): unknown {
  return path.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
}
