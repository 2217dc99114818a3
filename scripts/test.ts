/**
 * `npm test`: the checks, then every test; those that need hosts in the lab's sandbox, where there is one.
 *
 *     npm test                    everything
 *     npm test -- test/e2e/*.ts   these files only, without the checks
 *
 * Closes with a line `N passed, N failed, N skipped`. In CI (CI=true) a skipped test is a failure.
 */
import { globSync } from "node:fs";
import { join, relative } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { enter } from "../test/lab/enter.ts";
import { LabError } from "../test/lab/exec.ts";
import { probe } from "../test/lab/probe.ts";
import { check } from "./check.ts";

/** Those that take more than a minute, the longest first: begun last, each would be waited for alone. */
const LONG = [
  "test/e2e/thief.test.ts",
  "test/host/profiles.test.ts",
  "test/e2e/breaking-systems.test.ts",
  "test/host/activator.test.ts",
  "test/e2e/workflows.test.ts",
  "test/e2e/vm-scripts.test.ts",
  "test/chaos/chaos.test.ts",
  "test/e2e/silent-line.test.ts",
];
/** The shortest last: unit tests fill the gaps. */
const TIERS = ["e2e", "host", "systems", "chaos", "lab", "fuzz", "unit"];

const INSIDE = "BUNGEE_TESTS_INSIDE";
const root = join(import.meta.dirname, "..");
const files = process.argv.slice(2);

if (process.env[INSIDE] !== undefined) {
  process.exitCode = await runTests(process.env[INSIDE].split(" "));
} else {
  process.exitCode = await main();
}

async function main(): Promise<number> {
  const failedChecks = files.length === 0 ? check() : [];
  const verdict = await probe();
  if (!verdict.ok) console.log(`tests with hosts are skipped: ${verdict.why}`);
  process.env[INSIDE] = String(failedChecks.length);
  const here = [process.execPath, join(import.meta.dirname, "test.ts"), ...files];
  if (!verdict.ok) return await runTests([String(failedChecks.length)]);
  try {
    return await enter(here);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    // No network for the root filesystems, for one: that is no reason to skip.
    console.error(`lab: ${error.message}`);
    return 1;
  }
}

async function runTests([failedChecks]: string[]): Promise<number> {
  const chosen = files.length > 0 ? files : inOrder(globSync("test/**/*.test.ts", { cwd: root }));
  const count = { passed: 0, failed: Number(failedChecks), skipped: 0 };
  // Tests mostly wait for hosts: more files than cores at once.
  const stream = run({
    files: chosen.map((file) => join(root, relative(root, file))),
    concurrency: 4,
    timeout: 20 * 60_000,
  });
  stream.on("test:pass", ({ skip, details }) => {
    const skipped = skip !== undefined && skip !== false;
    // Of a suite that is skipped nothing else is told; one that ran is the sum of its tests.
    if (skipped) count.skipped++;
    else if (details.type !== "suite") count.passed++;
  });
  stream.on("test:fail", ({ details }) => {
    const { failureType } = details.error as { failureType?: string };
    if (failureType !== "subtestsFailed") count.failed++;
  });
  const report = stream.compose(spec());
  report.pipe(process.stdout);
  await new Promise((resolve) => report.once("end", resolve));
  console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  const skippedInCi = process.env.CI !== undefined && count.skipped > 0;
  if (skippedInCi) console.log("in CI nothing may be skipped");
  return count.failed > 0 || skippedInCi ? 1 : 0;
}

/** node:test begins files in the order in which they are given. */
function inOrder(found: readonly string[]): string[] {
  const tier = (file: string) => TIERS.indexOf(file.split("/")[1]!);
  return [...new Set([...LONG, ...found.toSorted((a, b) => tier(a) - tier(b))])];
}
