/** nix/module.nix and src/fleet/schema.ts say the same: the same settings, and values of the same kinds. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { z } from "zod";
import { SCRIPT } from "../../src/activator/script.ts";
import { checkSettings, settingsSchema } from "../../src/fleet/schema.ts";
import { evaluateNix, NIX } from "./nix-eval.ts";

/** As much of nixpkgs' lib as the module uses; a type is a text that says what it takes. */
const EXPRESSION = `
let
  types = {
    bool = "bool"; str = "str"; int = "int"; float = "float";
    nullOr = type: type;
    listOf = type: "list of " + type;
    attrsOf = type: if builtins.isAttrs type then { check = type; } else "set of " + type;
    submodule = { options }: options;
    coercedTo = _: _: type: type;
    oneOf = kinds: builtins.concatStringsSep "|" kinds;
    either = one: other: one + "|" + other;
    ints.between = least: most: "integer from \${toString least} to \${toString most}";
    enum = builtins.concatStringsSep "|";
    addCheck = type: check: { outPath = if check 0 then "number" else if check 0.5 then "positive" else "?"; };
  };
  lib = { inherit types; mkOption = { type, default ? null, description }: assert default == null; if type ? outPath then type.outPath else type; };
in (import ${NIX}/module.nix { inherit lib; config = { }; }).options.bungee`;

/** Values that an option of a type takes, and one that it does not take. */
const SAMPLES: Readonly<Record<string, { good: readonly unknown[]; bad: unknown }>> = {
  bool: { good: [true, false], bad: "yes" },
  str: { good: ["key"], bad: 1 },
  "integer from 1 to 65535": { good: [1, 22, 65535], bad: 0 },
  positive: { good: [0.5, 240], bad: 0 },
  "integer from 1 to 86400": { good: [1, 86400], bad: 0.5 },
  "integer from 0 to 3600": { good: [0, 29], bad: -1 },
  "integer from 0 to 1000": { good: [0, 1000], bad: 1001 },
  "integer from 100 to 599": { good: [100, 599], bad: 600 },
  "deployer|host": { good: ["deployer", "host"], bad: "me" },
  "list of str": { good: [["web1"]], bad: "web1" },
  "set of str": { good: [{ ProxyJump: "bastion" }], bad: { StrictHostKeyChecking: "no" } },
  "set of str|int|bool": { good: [{ role: "dns", rank: 1, core: true }], bad: ["dns"] },
  "auto|ssh2|openssh": { good: ["auto", "ssh2", "openssh"], bad: "putty" },
  "auto|none|sudo|doas|run0": { good: ["auto", "none", "sudo", "doas", "run0"], bad: "su" },
  "local|target": { good: ["local", "target"], bad: "remote" },
};

/** What a health check needs besides the one field of it that is tried. */
const CHECK = { unit: { name: "nginx.service" }, http: { url: "https://web1/" }, tcp: { port: 22 } };
const NOT_ANY_TEXT: Readonly<Record<string, string>> = {
  "healthChecks.check.unit.name": "sshd.service",
  "healthChecks.check.http.url": "http://web1",
};

type Tree = { readonly [name: string]: string | Tree };
const module = evaluateNix(EXPRESSION) as Tree;

it("the NixOS module has the settings of the schema, and no others", () => {
  assert.deepEqual(namesOf(module), namesOf(settingsSchema.shape));
});

for (const [path, type] of leavesOf(module)) {
  it(`${path} takes the same values in both`, () => {
    const samples = SAMPLES[type];
    assert.ok(samples, `the test knows no samples for the type ${type}`);
    for (const value of path in NOT_ANY_TEXT ? [NOT_ANY_TEXT[path]] : samples.good)
      assert.deepEqual(checkSettings("config.bungee", at(path, value)).errors, []);
    assert.equal(checkSettings("config.bungee", at(path, samples.bad)).errors.length, 1);
  });
}

function namesOf(settings: object): string[] {
  return Object.entries(settings)
    .flatMap(([name, inner]) => {
      const bare = bareType(inner);
      const group = bare instanceof z.ZodObject ? bare.shape : bare instanceof z.ZodType ? undefined : bare;
      return typeof group === "object" && group !== null ? namesOf(group).map((rest) => `${name}.${rest}`) : [name];
    })
    .sort();
}

/** A set of groups by name is a group to the module, with one of them in it. */
function bareType(type: unknown): unknown {
  if (type instanceof z.ZodOptional) return bareType(type.unwrap());
  if (type instanceof z.ZodPipe && type.in instanceof z.ZodObject) return type.in;
  if (!(type instanceof z.ZodRecord)) return type;
  const each = bareType(type.valueType);
  return each instanceof z.ZodObject ? { check: each } : type;
}

function leavesOf(tree: Tree): [string, string][] {
  return Object.entries(tree).flatMap(([name, inner]) =>
    typeof inner === "string"
      ? [[name, inner]]
      : leavesOf(inner).map(([rest, type]): [string, string] => [`${name}.${rest}`, type]),
  );
}

function at(path: string, value: unknown): unknown {
  const [group, , kind = "", field] = path.split(".");
  if (group === "healthChecks" && field) {
    return { healthChecks: { check: { [kind]: { ...CHECK[kind as keyof typeof CHECK], [field]: value } } } };
  }
  if (group === "healthChecks" && kind !== "command") {
    return { healthChecks: { check: { unit: CHECK.unit, [kind]: value } } };
  }
  return path.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
}

/** Files of /etc that the module makes, by their paths; null where a condition keeps one out. `bungee` is Nix. */
function etc(bungee: string, hostName = "web1"): Record<string, { text: string } | null> {
  return evaluateNix(`
let
  inherit (builtins) attrNames filter listToAttrs map removeAttrs;
  lib = {
    types = { };
    mkIf = condition: value: if condition then value else null;
    nameValuePair = name: value: { inherit name value; };
    mapAttrs' = make: set: listToAttrs (map (name: make name set.\${name}) (attrNames set));
    filterAttrs = keep: set: removeAttrs set (filter (name: !keep name set.\${name}) (attrNames set));
  };
  config = {
    networking.hostName = "${hostName}";
    bungee = { node = null; requireSignature = null; healthChecks = null; } // ${bungee};
  };
in (import ${NIX}/module.nix { inherit config lib; }).config.environment.etc`) as Record<
    string,
    { text: string } | null
  >;
}

it("the NixOS module puts the commands of health checks where the activator looks for them", () => {
  const commands = (healthChecks: string) =>
    Object.entries(etc(`{ healthChecks = ${healthChecks}; }`)).flatMap(([path, file]) =>
      path.includes("health") ? [[path, file?.text]] : [],
    );
  assert.deepEqual(commands(`{ disk.command = "df /\\ntrue"; web = { command = null; tcp.port = 80; }; }`), [
    ["bungee/health-checks/disk", "df /\ntrue"],
  ]);
  assert.deepEqual(commands("null"), []);
  // The activator's own words for the place.
  assert.match(SCRIPT, /\$release\/etc\/bungee\/health-checks\/\$check_name\n/);
});

it("the NixOS module says on the host whose system it is, and whether it has to be signed", () => {
  const [node, signature] = ["bungee/node", "bungee/require-signature"];
  assert.deepEqual(etc("{ }"), { [node!]: { text: "web1\n" }, [signature!]: null });
  assert.deepEqual(etc('{ node = "www"; requireSignature = true; }'), {
    [node!]: { text: "www\n" },
    [signature!]: { text: "" },
  });
  assert.deepEqual(etc("{ requireSignature = false; }", ""), { [node!]: null, [signature!]: null });
  for (const path of [node!, signature!]) assert.ok(SCRIPT.includes(path!), path);
});
