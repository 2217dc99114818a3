#!/usr/bin/env node
/** The bin: parse, dispatch, exit code. */
import { ciVerb } from "./commands/ci.ts";
import { deployVerb } from "./commands/deploy.ts";
import { reportFailure } from "./commands/failure.ts";
import { initVerb } from "./commands/init.ts";
import { metricsVerb } from "./commands/metrics.ts";
import { migrateVerb } from "./commands/migrate.ts";
import { nodesVerb } from "./commands/nodes.ts";
import { parse } from "./commands/parse.ts";
import { planVerb } from "./commands/plan.ts";
import { pushCacheVerb } from "./commands/push-cache.ts";

const args = process.argv.slice(2);
const verbose = args.includes("--verbose") || args.includes("-v");

// Whoever read the output may leave; the deployment goes on, and its hosts with it.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (error: unknown) => process.exit(reportFailure(error, { verbose })));
}

process.exitCode = await main().catch((error: unknown) => reportFailure(error, { verbose }));

async function main(): Promise<number> {
  const parsed = await parse(
    args,
    [deployVerb, planVerb, nodesVerb, ciVerb, pushCacheVerb, metricsVerb, initVerb, migrateVerb],
    process,
  );
  if (parsed.kind === "run") return parsed.run();
  (parsed.exitCode === 0 ? process.stdout : process.stderr).write(`${parsed.text}\n`);
  return parsed.exitCode;
}
