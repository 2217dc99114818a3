/** What the documentation must not forget, and where its links lead. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { it } from "node:test";
import { SCRIPT } from "../../src/activator/script.ts";
import { ciFlags } from "../../src/commands/ci-flags.ts";
import { deployFlags } from "../../src/commands/deploy-flags.ts";
import { metricsVerb } from "../../src/commands/metrics.ts";
import { pushFlags } from "../../src/commands/push-cache-flags.ts";
import * as errors from "../../src/errors.ts";
import { settingsSchema } from "../../src/fleet/schema.ts";

const checkout = join(import.meta.dirname, "..", "..");
const read = (file: string) => readFileSync(join(checkout, file), "utf8");

it("settings.md has every setting", () => {
  const text = read("docs/settings.md");
  for (const name of Object.keys(settingsSchema.shape))
    assert.match(text, new RegExp(`^\\| \`${name}[\`.]`, "m"), name);
});

it("troubleshooting.md has every error code", () => {
  const text = read("docs/troubleshooting.md");
  const known = { mend: "", reason: "" };
  const classes = Object.values(errors).filter((value) => value.prototype instanceof errors.BungeeError);
  assert.ok(classes.length > 10);
  for (const value of classes) {
    const ErrorClass = value as new (message: string, options: typeof known) => errors.BungeeError;
    assert.ok(text.includes(`\`${new ErrorClass("", known).code}\``), value.name);
  }
});

it("troubleshooting.md has every reason for which the activator ends a run", () => {
  const text = read("docs/troubleshooting.md");
  const reasons = [...SCRIPT.matchAll(/give_up \S+ ([a-z-]+) |tell why ([a-z-]+) /g)];
  assert.ok(reasons.length > 10);
  for (const [, one, other] of reasons) assert.ok(text.includes(`\`${one ?? other}\``), one ?? other);
});

it("deploying.md has every flag", () => {
  const text = read("docs/deploying.md");
  for (const flag of Object.keys(deployFlags)) assert.ok(text.includes(`--${flag}`), `--${flag}`);
});

it("cache.md and metrics.md have every flag that deploying.md has not", () => {
  for (const [page, flags] of [
    ["cache", pushFlags],
    ["metrics", metricsVerb.flags],
  ] as const) {
    const text = read(`docs/${page}.md`);
    for (const flag of Object.keys(flags)) assert.ok(flag in deployFlags || text.includes(`--${flag}`), `--${flag}`);
  }
});

it("ci.md has every flag that deploying.md has not, and every rule", () => {
  const text = read("docs/ci.md");
  for (const flag of Object.keys(ciFlags)) assert.ok(flag in deployFlags || text.includes(`--${flag}`), `--${flag}`);
  for (const name of ["main", "testPrefix", "rules", "branch", "select", "action", "reboot"])
    assert.match(text, new RegExp(`\\b${name}\\b`), name);
});

for (const file of globSync(["*.md", "docs/**/*.md", "examples/**/*.md", "test/**/*.md"], { cwd: checkout })) {
  it(`the links of ${file} lead somewhere`, () => {
    const text = read(file).replaceAll(/^```[\s\S]*?^```/gm, "");
    for (const [, target = ""] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path = "", anchor] = target.split("#");
      const to = path === "" ? join(checkout, file) : join(checkout, dirname(file), path);
      assert.ok(existsSync(to), target);
      if (anchor !== undefined) assert.ok(anchorsOf(relative(checkout, to)).includes(anchor), target);
    }
  });
}

function anchorsOf(file: string): string[] {
  return [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}
