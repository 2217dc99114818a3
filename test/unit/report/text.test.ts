import assert from "node:assert/strict";
import { test } from "node:test";
import { clean, cleanLines, fit, pad, width, wrap } from "../../../src/report/text.ts";

const cases: readonly (readonly [what: string, raw: string, shown: string])[] = [
  ["plain text stays", "starting nginx.service", "starting nginx.service"],
  ["letters of all scripts stay", "grüße 世界 👍🏽 עברית", "grüße 世界 👍🏽 עברית"],
  ["colours go", "\u001b[1;31mred\u001b[0m", "red"],
  ["cursor movements go", "a\u001b[2J\u001b[1A\u001b[Kb", "ab"],
  ["links and titles go", "\u001b]0;title\u0007\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\", "link"],
  ["what is left of a torn sequence is seen", "a\u001b", "a␛"],
  ["a sequence hidden in another one is broken", "\u001b\u001b[0m[31mx", "␛[31mx"],
  ["the 8-bit forms are broken", "\u009d0;t\u009c", "�0;t�"],
  ["a carriage return overwrites nothing", "good\rbad", "good␍bad"],
  ["the line's own end goes", "line\r\n", "line"],
  ["newlines make no lines", "one\ntwo", "one␊two"],
  ["controls are seen", "\u0000\u0007\b\u007f", "␀␇␈␡"],
  ["tabs become blanks", "a\tb", "a    b"],
  ["text is not reordered", "user\u202egnp.exe\u2066", "user�gnp.exe�"],
  ["nothing is invisible", "a\u200bb\ufeffc\u{e0041}", "a�b�c�"],
  ["half a character is replaced", "a\ud800b", "a�b"],
  ["no workflow command", "  ::error::x", "  : :error::x"],
  ["colons elsewhere stay", "inet6 fe80::1", "inet6 fe80::1"],
  ["no command in the middle", "x ##[error]y ##vso[a]b ##TeamCity[c]", "x # #[error]y # #vso[a]b # #TeamCity[c]"],
  ["headings stay", "## heading", "## heading"],
];

for (const [what, raw, shown] of cases) test(`clean: ${what}`, () => assert.equal(clean(raw), shown));

test("clean: cleaning twice changes nothing more", () => {
  for (const [, raw] of cases) assert.equal(clean(clean(raw)), clean(raw));
});

test("clean: a line of megabytes is cut, and says so", () => {
  const shown = clean("x".repeat(5_000_000));
  assert.equal(shown, `${"x".repeat(2000)}… (4998000 more characters)`);
});

test("cleanLines keeps lines apart and drops the empty end", () => {
  assert.deepEqual(cleanLines("one\r\n\u001b[31mtwo\n\nfour\n \n"), ["one", "two", "", "four"]);
});

test("width counts columns, not characters", () => {
  assert.equal(width("web1"), 4);
  assert.equal(width("\u001b[1mweb1\u001b[22m"), 4);
  assert.equal(width("世界"), 4);
  assert.equal(width("grüße"), 5);
  assert.equal(width("👍🏽"), 2);
});

test("pad fills columns and never cuts", () => {
  assert.equal(pad("世", 4), "世  ");
  assert.equal(pad("long", 2), "long");
});

test("fit cuts to columns, with a mark", () => {
  assert.equal(fit("web1", 4), "web1");
  assert.equal(fit("database-1", 6), "datab…");
  assert.equal(fit("世界世界", 5), "世界…");
});

test("wrap breaks at blanks, and never a store path", () => {
  assert.deepEqual(wrap("runs again what it ran", 10), ["runs again", "what it", "ran"]);
  assert.deepEqual(wrap("see /nix/store/aaaaaaaaaaaaaaaaaaaaaaaa-x now", 10), [
    "see",
    "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaa-x",
    "now",
  ]);
  assert.deepEqual(wrap("all of it", Number.POSITIVE_INFINITY), ["all of it"]);
});
