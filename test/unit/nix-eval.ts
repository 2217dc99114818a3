/** Nix code, evaluated by this machine's nix. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** The folder nix/. */
export const NIX: string = join(import.meta.dirname, "..", "..", "nix");

function tryNix(expression: string): { status: number | null; stdout: string; stderr: string } {
  // Read from its input, since a word of a command line has an end. Files that it names are to be in the store.
  const argv = ["--eval", "--strict", "--json", "--read-write-mode", "-"];
  return spawnSync("nix-instantiate", argv, { input: expression, encoding: "utf8" });
}

export function evaluateNix(expression: string): unknown {
  const { status, stdout, stderr } = tryNix(expression);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

/** What lib.checks says of a flake's outputs: its mistakes, or the name of what is built where there are none. */
export function check(flake: string, schema = "auto"): readonly string[] {
  const { status, stdout, stderr } = tryNix(`
    (import ${NIX}/checks.nix {
      pkgs.runCommand = name: _: script: derivation { inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" script ]; };
      flake = ${flake};
      schema = "${schema}";
    }).bungee-settings.name`);
  if (status === 0) return [JSON.parse(stdout)];
  const lines = stderr.split("\n").map((line) => line.trim());
  const first = lines.findIndex((line) => /\d+ of bungee's settings .* are wrong:$/.test(line));
  assert.ok(first >= 0, stderr);
  const last = lines.findIndex((line, index) => index > first && /^($|…|\(use)/.test(line));
  return lines.slice(first + 1, last < 0 ? undefined : last);
}
