import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { githubReporter } from "../../../src/report/github.ts";
import type { Event } from "../../../src/run/events.ts";
import { capture } from "./capture.ts";

/** What the runner sees, and what it finds in its files. */
export async function reported(events: readonly Event[], options = {}, summaryBefore?: string) {
  const directory = mkdtempSync(join(tmpdir(), "bungee-github-"));
  const files = { GITHUB_STEP_SUMMARY: join(directory, "summary"), GITHUB_OUTPUT: join(directory, "output") };
  try {
    if (summaryBefore !== undefined) writeFileSync(files.GITHUB_STEP_SUMMARY, summaryBefore);
    const text = await capture((given) => githubReporter(given, files), events, options);
    const read = (file: string) => (existsSync(file) ? readFileSync(file, "utf8") : "");
    return { lines: text.split("\n"), summary: read(files.GITHUB_STEP_SUMMARY), output: read(files.GITHUB_OUTPUT) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
