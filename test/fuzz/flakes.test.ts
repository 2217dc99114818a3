// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is code of other languages
/** Flakes with attribute names that nobody expects, through the real nix and the bin: the nodes are there, or one error is. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { runLocal } from "../../src/process.ts";
import { Random } from "../chaos/random.ts";
import { host, useFlakes } from "../unit/fleet/flakes.ts";
import { withoutNix } from "../unit/nix/real-nix.ts";
import { CANARY, hostileText } from "./hostile.ts";

const MAIN = join(import.meta.dirname, "..", "..", "src", "main.ts");
const NAMES = [
  ...[
    "a b",
    'quote"',
    "back\\slash",
    "$(touch /tmp/bungee-fuzz-canary)",
    "`x`",
    "new\nline",
    "../../etc",
    "a/b",
    "~root",
    "é💥",
    "-rf",
    "--help",
  ],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "outPath",
    "type",
    "${x}",
    "$${x}",
    "\\${x}",
    "''${x}",
    "*",
    "!web",
    "role=dns",
    "a+b",
    "%2f",
    "#",
  ],
];

describe("names in a real flake", { skip: withoutNix }, () => {
  const flakes = useFlakes();
  let reference: string;
  const names = [
    ...new Set([
      ...NAMES,
      ...Array.from({ length: 12 }, (_, at) => hostileText(new Random("flakes", at)).slice(0, 200).toWellFormed()),
    ]),
  ];

  before(() => {
    const attributes = names.map((name, at) => [
      name,
      host(`n${at}`, '{ bungee = { addresses = [ "127.0.0.1" ]; port = 1; user = "nobody"; }; }'),
    ]);
    reference = flakes.flake("hostile", Object.fromEntries(attributes.filter(([name]) => name !== "__proto__")));
  });

  const bungee = (...words: string[]) =>
    runLocal({ argv: [process.execPath, MAIN, ...words] }, { env: { NO_COLOR: "1", FORCE_COLOR: undefined } });

  it("`nodes` lists every one, and executes none", async () => {
    const { code, stdout, stderr } = await bungee("nodes", "--flake", reference, "--json");
    assert.deepEqual([code, stderr], [0, ""]);
    const listed = JSON.parse(stdout).nodes.map(({ name }: { name: string }) => name);
    assert.deepEqual(listed.sort(), names.filter((name) => name !== "__proto__").sort());
    assert.ok(!existsSync(CANARY), "something was executed");
  });

  it("`plan` evaluates every one, and says that none can be reached", async () => {
    const { code, stdout, stderr } = await bungee("plan", "--flake", reference);
    assert.ok(code === 1 || code === 2, `exit ${code}: ${stderr}`);
    assert.doesNotMatch(stdout + stderr, /defect|\bat .*\.ts:\d+|[\x00-\x08\x0b-\x1f]/);
    assert.ok(!existsSync(CANARY), "something was executed");
  });

  for (const [what, bungeeCode, field] of [
    [
      "a thousand levels",
      "builtins.foldl' (deep: _: { inherit deep; }) 1 (builtins.genList (x: x) 1000)",
      /bungee\.deep/,
    ],
    [
      "thousands of mistakes",
      'builtins.listToAttrs (builtins.genList (x: { name = "wrong${toString x}"; value = x; }) 5000)',
      /bungee\.wrong0/,
    ],
    ["a function", "{ port = x: x; }", /bungee\.port/],
    ["a name that is a command", '{ user = "$(touch ${"/tmp"}/bungee-fuzz-canary)"; }', /bungee\.user/],
    ["no number", "{ port = 1.0e308 * 10; }", /port|evaluate/],
  ] as const) {
    it(`${what} in the settings is one error that names the field`, async () => {
      const wrong = flakes.flake(what.replaceAll(" ", "-"), { web1: host("web1", `{ bungee = ${bungeeCode}; }`) });
      const { code, stdout, stderr } = await bungee("nodes", "--flake", wrong);
      assert.ok(code === 1 || code === 2, `exit ${code}: ${stderr}`);
      assert.equal(stderr.match(/^error: /gm)?.length, 1, stderr.slice(0, 2000));
      assert.match(stdout + stderr, field);
      assert.ok(stderr.split("\n").length < 60, stderr);
      assert.ok(!existsSync(CANARY), "something was executed");
    });
  }
});
