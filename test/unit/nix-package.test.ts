/** The hash in nix/package.nix is typed by hand: here it is held to what package-lock.json installs. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";

const checkout = join(import.meta.dirname, "..", "..");
const read = (file: string) => readFileSync(join(checkout, file), "utf8");

it("nix/package.nix has the hash of the dependencies that package-lock.json names", (test) => {
  const folder = mkdtempSync(join(tmpdir(), "bungee-dependencies-"));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  const lock: Record<string, { dev?: boolean; optional?: boolean }> = JSON.parse(read("package-lock.json")).packages;
  const wanted = Object.keys(lock).filter((path) => path !== "" && !lock[path]!.dev && !lock[path]!.optional);
  for (const path of wanted) {
    // Packages inside of it are in the list by themselves; what its install script built is not in the package.
    const filter = (from: string) => !/\/node_modules\/.*\/(node_modules|crypto\/build)$/.test(from);
    cpSync(join(checkout, path), join(folder, path), { recursive: true, filter });
  }
  const hash = execFileSync("nix", ["--extra-experimental-features", "nix-command", "hash", "path", folder], {
    encoding: "utf8",
  }).trim();
  assert.equal(/outputHash = "(.*)"/.exec(read("nix/package.nix"))?.[1], hash);
});
