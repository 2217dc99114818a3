/** A strict reader of Prometheus' text format, version 0.0.4: what it does not take, Prometheus might not. */
import assert from "node:assert/strict";

const SAMPLE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*")(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*")*)?\})? (-?\d+(?:\.\d+)?(?:e[+-]\d+)?)$/;

/**
 * Every family has its HELP and TYPE once and before its samples, which stand together; no series is there twice.
 * @returns values by series: the name, and its labels in the order of their names, as in `up{host="web1",node="web1"}`
 */
export function readExposition(text: string): ReadonlyMap<string, number> {
  assert.ok(text.endsWith("\n"), "the last line ends");
  const series = new Map<string, number>();
  const families = new Map<string, { help: boolean; type?: string }>();
  let current = "";
  for (const line of text.slice(0, -1).split("\n")) {
    if (line === "") continue;
    const [, keyword, name = "", rest = ""] = /^# (HELP|TYPE) (\w+) (.+)$/.exec(line) ?? [];
    if (keyword === "HELP") {
      assert.ok(!families.has(name), `${name} comes twice`);
      families.set(name, { help: true });
      current = name;
      continue;
    }
    if (keyword === "TYPE") {
      assert.ok(current === name && families.get(name)?.type === undefined, line);
      assert.match(rest, /^(gauge|counter)$/);
      families.set(name, { help: true, type: rest });
      continue;
    }
    const match = SAMPLE.exec(line);
    assert.ok(match, `no sample: ${line}`);
    const [, family = "", labels = "", value] = match;
    assert.ok(family === current && families.get(family)?.type, `${family} stands outside of its family`);
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, is]) => [label!, is!] as const);
    assert.equal(new Set(pairs.map(([label]) => label)).size, pairs.length, `a label comes twice: ${line}`);
    const words = pairs.sort(([a], [b]) => (a < b ? -1 : 1)).map(([label, is]) => `${label}="${is}"`);
    const key = words.length === 0 ? family : `${family}{${words.join(",")}}`;
    assert.ok(!series.has(key), `${key} comes twice`);
    series.set(key, Number(value));
  }
  return series;
}
