/**
 * Shows that the tests of the pitfalls can fail: puts each fault into a copy of the checkout, and runs the test that must catch it.
 *
 *     node test/faults/main.ts [--only P4 | --only 'no lock'] … [--parallel 3]
 *
 * Prints a table; exit code 1 if a fault survives. Takes a minute for each fault, most of it waiting for hosts.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "node:test";
import { parseArgs } from "node:util";
import { enter } from "../lab/enter.ts";
import { LabError, must } from "../lab/exec.ts";
import { sandboxCgroup } from "../lab/sandbox.ts";
import type { Fault } from "./fault.ts";
import { FAULTS } from "./faults.ts";

const checkout = join(import.meta.dirname, "..", "..");
const TIMEOUT_MS = 10 * 60_000;

const { only, parallel } = parseArgs({
  options: { only: { type: "string", multiple: true }, parallel: { type: "string", default: "3" } },
}).values;
const chosen = FAULTS.filter(({ pitfall, what }) => !only || only.includes(pitfall) || only.includes(what));
if (!/^[1-9]\d?$/.test(parallel)) {
  console.error(`--parallel ${parallel}: how many faults to try at once, from 1 to 99`);
  process.exitCode = 2;
} else if (chosen.length === 0) {
  console.error(`no fault for ${only}: there are ${[...new Set(FAULTS.map(({ pitfall }) => pitfall))].join(", ")}`);
  process.exitCode = 2;
} else if (sandboxCgroup() === undefined) {
  process.exitCode = await enter([process.execPath, ...process.argv.slice(1)]).catch((error: unknown) => {
    if (!(error instanceof LabError)) throw error;
    console.error(`lab: ${error.message}`);
    return 1;
  });
} else {
  process.exitCode = await tryAll();
}

async function tryAll(): Promise<number> {
  const copies = mkdtempSync(join(tmpdir(), "bungee-faults-"));
  const waiting = chosen.values();
  let survivors = 0;
  try {
    console.log("| | fault put in | caught by |\n|---|---|---|");
    await Promise.all(
      Array.from({ length: Math.min(Number(parallel), chosen.length) }, async (_, index) => {
        const copy = join(copies, String(index));
        mkdirSync(copy);
        await copyCheckout(copy);
        for (const fault of waiting) {
          const complaint = await tryOne(copy, fault);
          if (complaint === undefined) survivors++;
          console.log(`| ${fault.pitfall} | ${fault.what} | ${complaint ?? "SURVIVED"} |`);
        }
      }),
    );
    console.log(`\n${chosen.length} faults, ${survivors} survived`);
    return survivors > 0 ? 1 : 0;
  } finally {
    rmSync(copies, { recursive: true, force: true });
  }
}

/** Workstations see nothing outside of the checkout: the modules are in the copy too, and take no room twice where that can be had. */
async function copyCheckout(copy: string): Promise<void> {
  const copyAll = ["cp", "--recursive", "--preserve=mode,links"];
  const names = readdirSync(checkout).filter((name) => !["node_modules", ".git"].includes(name));
  await must([...copyAll, ...names.map((name) => join(checkout, name)), copy]);
  const modules = [join(checkout, "node_modules"), join(copy, "node_modules")];
  await must([...copyAll, "--link", ...modules]).catch(() => must([...copyAll, ...modules]));
}

/** @returns what the test said that caught the fault */
async function tryOne(copy: string, { edits, caughtBy }: Fault): Promise<string | undefined> {
  const sources = new Map(edits.map(({ file }) => [join(copy, file), readFileSync(join(copy, file), "utf8")]));
  try {
    for (const { file, find, replace } of edits) {
      const path = join(copy, file);
      writeFileSync(
        path,
        readFileSync(path, "utf8").replace(find, () => replace),
      );
      if (file.endsWith(".sh")) await must(["sh", "-n", path]);
    }
    return await failureOf(copy, caughtBy);
  } finally {
    for (const [path, source] of sources) writeFileSync(path, source);
  }
}

async function failureOf(copy: string, { file, path }: Fault["caughtBy"]): Promise<string | undefined> {
  let complaint: string | undefined;
  const stream = run({
    files: [join(copy, file)],
    cwd: copy,
    // Names are matched together with those that they stand in; what a test makes of tests itself is not known before it runs.
    testNamePatterns: [
      new RegExp(
        path
          .slice(0, 2)
          .join(" ")
          .replaceAll(/[$()*+.?[\\\]^{|}]/g, "\\$&"),
      ),
    ],
    timeout: TIMEOUT_MS,
  });
  stream.on("test:fail", ({ name, details }) => {
    if (name === path.at(-1)) complaint = `${name}: ${firstLine(details.error)}`;
  });
  for await (const _ of stream);
  return complaint;
}

function firstLine(error: Error): string {
  const said = error.cause instanceof Error ? error.cause : error;
  const [first = "", ...more] = said.message.split("\n").filter((line) => line.trim() !== "");
  return [first, ...more.slice(0, 2)].join(" ").replaceAll("|", "\\|").slice(0, 200);
}
