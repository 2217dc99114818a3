/** What npm would publish: packed in a copy of the checkout, unpacked where only its own dependencies can be found, and run. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { SCRIPT } from "../../src/activator/script.ts";

const checkout = join(import.meta.dirname, "..", "..");
const manifest = JSON.parse(readFileSync(join(checkout, "package.json"), "utf8"));

describe("the published package", () => {
  const scratch = mkdtempSync(join(tmpdir(), "bungee-package-"));
  const installed = join(scratch, "installed", "node_modules", "bungee");
  after(() => rmSync(scratch, { recursive: true, force: true }));

  before(() => {
    const source = join(scratch, "source");
    const files = [
      "package.json",
      "tsconfig.json",
      "tsconfig.build.json",
      "README.md",
      "LICENSE",
      "src",
      "scripts",
      "templates",
      "test",
    ];
    for (const file of files) cpSync(join(checkout, file), join(source, file), { recursive: true });
    symlinkSync(join(checkout, "node_modules"), join(source, "node_modules"));
    // As publishing does it: `prepack` builds.
    run(["npm", "pack", "--offline", "--loglevel=error", "--pack-destination", scratch], source);
    mkdirSync(installed, { recursive: true });
    run([
      "tar",
      "--extract",
      "--gzip",
      "--strip-components=1",
      `--file=bungee-${manifest.version}.tgz`,
      "-C",
      installed,
    ]);
    for (const name of Object.keys(manifest.dependencies)) {
      symlinkSync(join(checkout, "node_modules", name), join(dirname(installed), name));
    }
  });

  it("carries the activator as it is tested here", () => {
    const script = (folder: string) =>
      globSync("activator/host/*.sh", { cwd: folder })
        .sort()
        .map((part) => readFileSync(join(folder, part), "utf8"))
        .join("");
    assert.equal(script(join(installed, "dist")), SCRIPT);
  });

  it("carries a module for each source file, its licence and nothing of the tests", () => {
    const modules = (folder: string, ending: string) =>
      globSync(`**/*${ending}`, { cwd: folder }).map((file) => file.slice(0, -ending.length));
    assert.deepEqual(modules(join(installed, "dist"), ".js").sort(), modules(join(checkout, "src"), ".ts").sort());
    assert.deepEqual(globSync("*", { cwd: installed }).sort(), [
      "LICENSE",
      "README.md",
      "dist",
      "package.json",
      "templates",
    ]);
  });

  it("carries the templates, and finds them", () => {
    const files = (folder: string) =>
      readdirSync(join(folder, "templates"), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(folder.length));
    assert.deepEqual(files(installed).sort(), files(checkout).sort());
    const fleet = join(scratch, "fleet");
    mkdirSync(fleet);
    run([join(installed, manifest.bin.bungee), "init", "--template", "ci", "--ci", "gitlab", "--directory", fleet]);
    const written = readFileSync(join(fleet, ".gitlab-ci.yml"), "utf8");
    assert.equal(written, readFileSync(join(checkout, "templates", "ci", ".gitlab-ci.yml"), "utf8"));
  });

  it("runs with its dependencies and no others", () => {
    const bin = join(installed, manifest.bin.bungee);
    assert.ok(statSync(bin).mode & 0o100, "the bin can be executed");
    assert.equal(run([bin, "--version"]).trim(), manifest.version);
    assert.match(run([bin, "deploy", "--help"]), /^Usage: bungee deploy /);
  });

  it("has node keep what it compiled", () => {
    const cache = join(scratch, "cache");
    const env = `env --unset=NODE_COMPILE_CACHE XDG_CACHE_HOME=${cache}`.split(" ");
    run([...env, join(installed, manifest.bin.bungee), "--version"]);
    assert.ok(globSync("bungee/compiled/*/*/*", { cwd: cache }).length > 100);
  });

  function run([program = "", ...args]: readonly string[], cwd = scratch): string {
    const env = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) };
    const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, env, encoding: "utf8" });
    assert.equal(status, 0, error?.message ?? `${program}: ${stdout}${stderr}`);
    return stdout;
  }
});
