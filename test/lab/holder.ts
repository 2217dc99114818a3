/**
 * Processes that hold namespaces: they live exactly as long as the lab wants a machine's disk or a workstation to be.
 */
import type { ChildProcess } from "node:child_process";
import { ended, LabError, spawnTied } from "./exec.ts";

/** Starts a process and resolves when it has said its first word ("ready") on standard output. */
export async function startHolder(argv: readonly string[], env: Record<string, string>): Promise<ChildProcess> {
  const child = spawnTied(argv, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => (said += chunk));
  const end = ended(child, "close");
  const ready = new Promise<undefined>((resolve) => child.stdout?.once("data", () => resolve(undefined)));
  const early = await Promise.race([ready, end]);
  if (early) throw new LabError(`${argv.at(-1)}: exit ${early.code}: ${said.trim()}`);
  // A test that forgets to close its lab shall end all the same: the kernel tidies up.
  child.stdout?.destroy();
  child.stderr?.destroy();
  child.unref();
  return child;
}

/** Ends a holder, and with it all that lives in its namespaces. */
export async function stopHolder(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const end = ended(child, "exit");
  child.ref();
  child.kill("SIGKILL");
  await end;
}
