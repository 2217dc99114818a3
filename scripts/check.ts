/** `npm run check`: types, lint and format, dead code, shell scripts. Everything that needs no host. */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { CACHE_KEEPER, SCRIPT } from "../src/activator/script.ts";

const root = join(import.meta.dirname, "..");
const bin = (name: string) => join(root, "node_modules", ".bin", name);
const activator = "src/activator/host";
const keeper = "src/activator/cache/keeper.sh";
const scripts = globSync(["{src,test,examples}/**/*.sh", ".ci/run"], {
  cwd: root,
  exclude: [`${activator}/*`, keeper],
});

interface Check {
  readonly argv: readonly [string, ...string[]];
  readonly stdin?: string;
}

const CHECKS: Readonly<Record<string, Check>> = {
  types: { argv: [bin("tsc"), "--noEmit"] },
  "lint and format": { argv: [bin("biome"), "ci", "--error-on-warnings", "--colors=off"] },
  "dead code": { argv: [bin("knip")] },
  "shell scripts": { argv: ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", ...scripts] },
  // Its parts mean nothing alone. "-" is the whole, and lines are counted through all parts.
  activator: { argv: ["shellcheck", "-"], stdin: SCRIPT },
  // It takes from the activator what it needs, and more.
  "cache keeper": { argv: ["shellcheck", "--exclude=SC2034", "-"], stdin: CACHE_KEEPER },
};

/** @returns the names of the checks that failed; their output is printed */
export function check(): string[] {
  return Object.entries(CHECKS).flatMap(([name, { argv, stdin = "" }]) => {
    const [program, ...args] = argv;
    const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: root, encoding: "utf8", input: stdin });
    if (status === 0) {
      console.log(`✔ ${name}`);
      return [];
    }
    console.log(`✖ ${name}\n${error ? error.message : `${stdout}${stderr}`}`);
    return [name];
  });
}

if (import.meta.main) process.exitCode = check().length === 0 ? 0 : 1;
