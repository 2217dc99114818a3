/** The command line: parse, dispatch, exit code. */
import { reportFailure } from "./failure.ts";
import { parse } from "./parse.ts";
import { VERBS } from "./verbs.ts";

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
