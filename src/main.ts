#!/usr/bin/env node
/** The bin: parse, dispatch, exit code. */
import { reportFailure } from "./commands/failure.ts";
import { parse } from "./commands/parse.ts";
import { VERBS } from "./commands/verbs.ts";

const args = process.argv.slice(2);
const verbose = args.includes("--verbose") || args.includes("-v");

// Whoever read the output may leave; the deployment goes on, and its hosts with it.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (error: unknown) => process.exit(reportFailure(error, { verbose })));
}

process.exitCode = await main().catch((error: unknown) => reportFailure(error, { verbose }));

async function main(): Promise<number> {
  const parsed = await parse(args, VERBS, process);
  if (parsed.kind === "run") return parsed.run();
  (parsed.exitCode === 0 ? process.stdout : process.stderr).write(`${parsed.text}\n`);
  return parsed.exitCode;
}
