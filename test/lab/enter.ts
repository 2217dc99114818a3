/**
 * Runs a command in a sandbox: one set of namespaces in which all hosts, workstations and tests of a run live, and
 * which ends with it. Nothing of it can be seen from outside, so several runs may stand side by side.
 *
 *     node test/lab/enter.ts -- CMD...
 */
import { ended, LabError, spawnTied } from "./exec.ts";
import { probe } from "./probe.ts";
import { ensureRootfs, releases } from "./rootfs.ts";
import { inSandbox, type SandboxOptions, sandboxCgroup } from "./sandbox.ts";

/**
 * Builds the root filesystems if need be, runs a command in a new sandbox (or in the one we are in), and gives its
 * exit code.
 */
export async function enter(argv: readonly string[], options: SandboxOptions = {}): Promise<number> {
  if (sandboxCgroup()) return (await ended(spawnTied(argv, { stdio: "inherit" }), "exit")).code;
  await prepare();
  return await inSandbox(argv, options);
}

/**
 * Sees to it that a sandbox can be entered: a LabError if this machine cannot have one; builds the root filesystems
 * if need be.
 */
export async function prepare(): Promise<void> {
  const verdict = await probe();
  if (!verdict.ok) throw new LabError(verdict.why);
  await Promise.all(releases.map((release) => ensureRootfs(release, (line) => console.error(line))));
}

if (import.meta.main) {
  const separator = process.argv.indexOf("--");
  const argv = separator < 0 ? [] : process.argv.slice(separator + 1);
  if (argv.length === 0) {
    console.error("usage: node test/lab/enter.ts -- CMD...");
    process.exit(2);
  }
  try {
    process.exitCode = await enter(argv);
  } catch (error) {
    console.error(error instanceof LabError ? `lab: ${error.message}` : error);
    process.exitCode = 1;
  }
}
