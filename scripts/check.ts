/** `npm run check`: types, lint and format, dead code, shell scripts. Everything that needs no host. */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const bin = (name: string) => join(root, "node_modules", ".bin", name);
const scripts = globSync(["{src,test,examples}/**/*.sh", ".ci/run"], { cwd: root });

const CHECKS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  types: [bin("tsc"), "--noEmit"],
  "lint and format": [bin("biome"), "ci", "--error-on-warnings", "--colors=off"],
  "dead code": [bin("knip")],
  "shell scripts": ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", ...scripts],
};

/** @returns the names of the checks that failed; their output is printed */
export function check(): string[] {
  return Object.entries(CHECKS).flatMap(([name, [program, ...args]]) => {
    const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: root, encoding: "utf8" });
    if (status === 0) {
      console.log(`✔ ${name}`);
      return [];
    }
    console.log(`✖ ${name}\n${error ? error.message : `${stdout}${stderr}`}`);
    return [name];
  });
}

if (import.meta.main) process.exitCode = check().length === 0 ? 0 : 1;
