/** Copies a release to its host, through the connection that is open already. */
import { openStoreTunnel } from "../host/store-tunnel.ts";
import { copyClosure } from "../nix/copy.ts";
import { closure, missingPaths } from "../nix/store.ts";
import type { Job } from "./job.ts";

/** To ask how much is missing takes as long as to copy a little: a copy that ends sooner is told without. */
const ASK_AFTER_MS = 1000;
const PROGRESS_EVERY_MS = 200;

/** @throws CopyError | ConnectionLostError */
export async function copyToHost(job: Job, release: string): Promise<void> {
  // Built there.
  if (job.node.build === "target") return;
  const { connection } = await job.session.line();
  await using tunnel = await openStoreTunnel(connection, { root: true });
  let missing: number | null = null;
  const tell = () => {
    const done = tunnel.bytes().sent;
    const total = missing && Math.max(missing, done);
    job.emit({ type: "stage-progress", node: job.node.name, stage: "copy", done, total });
  };
  const ask = async () => {
    missing = await bytesMissing(release, tunnel.storeUri);
  };
  // Progress without an end is progress still.
  const asking = setTimeout(() => ask().catch(() => {}), ASK_AFTER_MS);
  const ticker = setInterval(tell, PROGRESS_EVERY_MS);
  try {
    await copyClosure(tunnel.storeUri, [release], {
      substitute: job.node.substituteOnTarget,
      signal: job.interruption,
      onLine: (line) => job.log("nix", line),
    });
    tell();
  } catch (error) {
    // nix itself only saw a socket that closed.
    throw tunnel.problem() ?? error;
  } finally {
    clearTimeout(asking);
    clearInterval(ticker);
  }
}

/** A path that is on its way counts whole, what came before it not at all: a second's worth at most. */
async function bytesMissing(release: string, store: string): Promise<number> {
  const sizes = await closure([release]);
  const missing = await missingPaths([...sizes.keys()], { store });
  return missing.reduce((total, path) => total + (sizes.get(path) ?? 0), 0);
}
