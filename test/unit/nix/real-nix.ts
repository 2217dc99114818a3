/** Real nix for tests: flakes in a folder of their own, and a count of the nix processes that were started. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Set where /nix may be written to: in the lab's sandbox, and in its workstations by `releases.test.ts`. */
const MARKS = ["BUNGEE_LAB_CGROUP", "BUNGEE_TEST_NIX"];

/** Why tests with real nix do not run here; false where they do. For node:test's `skip`. */
export const withoutNix: string | false = (() => {
  if (!MARKS.some((mark) => process.env[mark]))
    return "needs a /nix of its own: node test/lab/enter.ts -- node --test …";
  return spawnSync("nix", ["--version"]).error ? "nix is not installed" : false;
})();

const system = `${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux`;

/** Nix code for a derivation that runs `script` with /bin/sh; `inputs` is an attribute set for its environment. */
export function derivation(name: string, script: string, inputs = "{ }"): string {
  const code = `''${script.replaceAll("''", "'''").replaceAll("${", "''${")}''`;
  return `(derivation ({ name = "${name}"; system = "${system}"; builder = "/bin/sh"; args = [ "-euc" ${code} ]; PATH = "/usr/bin:/bin"; } // ${inputs}))`;
}

export class RealNix implements Disposable {
  readonly directory: string;
  readonly #log: string;

  /** Points nix of this process to a configuration and a home of its own. */
  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), "bungee-nix-"));
    this.#log = join(this.directory, "started");
    const tools = join(this.directory, "bin");
    for (const tool of ["nix", "nix-store"]) {
      const real = execFileSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).trim();
      const script = `#!/bin/sh
line=$(printf '+ ${tool} %s' "$*" | tr '\\n' ' ')
echo "$line" >> ${this.#log}
${real} "$@"; code=$?
echo "-" >> ${this.#log}
exit $code
`;
      this.write({ [`bin/${tool}`]: script });
      execFileSync("chmod", ["+x", join(tools, tool)]);
    }
    this.write({ "etc/nix.conf": "substituters =\nsandbox = false\nbuild-users-group =\n" });
    this.write({ "home/.gitconfig": "[user]\nname = test\nemail = test@localhost\n[init]\ndefaultBranch = main\n" });
    Object.assign(process.env, {
      PATH: `${tools}:${process.env.PATH}`,
      NIX_CONF_DIR: join(this.directory, "etc"),
      NIX_USER_CONF_FILES: "",
      HOME: join(this.directory, "home"),
      XDG_CACHE_HOME: join(this.directory, "cache"),
      XDG_STATE_HOME: join(this.directory, "state"),
    });
  }

  path(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  /** Files by their path below the directory. */
  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      const file = this.path(name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  }

  git(folder: string, ...args: string[]): string {
    return execFileSync("git", args, {
      cwd: this.path(folder),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  }

  /** Makes a folder a git repository with one commit of all that is in it. */
  commit(folder: string): void {
    this.git(folder, "init", "--quiet");
    this.git(folder, "add", "--all");
    this.git(folder, "commit", "--quiet", "--message", "test");
  }

  /** A derivation of an expression, not built. */
  instantiate(name: string, expression: string): { name: string; drvPath: string; outPath: string } {
    const features = ["--extra-experimental-features", "nix-command"];
    const code = `let d = ${expression}; in [ d.drvPath d.outPath ]`;
    const json = execFileSync("nix", ["eval", ...features, "--json", "--impure", "--expr", code], { encoding: "utf8" });
    const [drvPath, outPath] = JSON.parse(json);
    return { name, drvPath, outPath };
  }

  /** What nix was called for since the last call of this, and how many ran at the same time at most. */
  calls(): { lines: string[]; most: number } {
    const events = existsSync(this.#log) ? readFileSync(this.#log, "utf8").split("\n") : [];
    writeFileSync(this.#log, "");
    let running = 0;
    let most = 0;
    for (const event of events) {
      running += event.startsWith("+") ? 1 : event === "-" ? -1 : 0;
      most = Math.max(most, running);
    }
    return { lines: events.filter((event) => event.startsWith("+")).map((event) => event.slice(2).trim()), most };
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
