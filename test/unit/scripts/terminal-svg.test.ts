import assert from "node:assert/strict";
import { test } from "node:test";
import { screenOf } from "../../../scripts/terminal-screen.ts";
import { svgOf } from "../../../scripts/terminal-svg.ts";

const text = (output: string, columns?: number) =>
  screenOf(output, columns).map((line) =>
    line
      .map((cell) => cell.text)
      .join("")
      .trimEnd(),
  );

test("plain lines", () => assert.deepEqual(text("one\ntwo\r\n\nfour\n\n"), ["one", "two", "", "four"]));
test("a line is overwritten", () => assert.deepEqual(text("12%\r100%"), ["100%"]));
test("rows are redrawn in place, as listr2 does", () => {
  assert.deepEqual(text("\x1b[?25la\nb\n\x1b[2K\x1b[1A\x1b[2K\x1b[1A\x1b[2K\x1b[Gdone\n"), ["done"]);
  assert.deepEqual(text("aaaa\nbbbb\n\x1b[2A\x1b[Gx\x1b[K\n"), ["x", "bbbb"]);
  assert.deepEqual(text("a\nb\nc\n\x1b[3A\x1b[Jz"), ["z"]);
});
test("long lines wrap", () => assert.deepEqual(text("abcdef", 4), ["abcd", "ef"]));
test("what is no text is not shown", () => assert.deepEqual(text("\x1b]0;title\x07a\x1b[?2026hb\x07\x1b(Bc"), ["abc"]));

test("colours, weights and their ends", () => {
  const looks = screenOf("\x1b[1;31ma\x1b[22mb\x1b[39m\x1b[2mc\x1b[0md")[0]!.map(({ text, look }) => [
    text,
    look.colour,
    look.bold,
    look.dim,
  ]);
  assert.deepEqual(looks, [
    ["a", "red", true, false],
    ["b", "red", false, false],
    ["c", null, false, true],
    ["d", null, false, false],
  ]);
});

test("the picture", () => {
  const svg = svgOf("\x1b[32m✔\x1b[39m web1 <&>\n", { title: "a & b", columns: 40 });
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="376" height="76" /);
  assert.ok(svg.includes("<title>a &amp; b</title>"));
  assert.ok(svg.includes('<text x="20" y="51" textLength="8.4" fill="#7ee787">✔</text>'));
  assert.ok(svg.includes('<text x="36.8" y="51" textLength="67.2">web1 &lt;&amp;&gt;</text>'));
});
