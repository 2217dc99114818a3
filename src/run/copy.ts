/** Copies a release to its host, through the connection that is open already. */
import { BungeeError, CopyError } from "../errors.ts";
import type { StoreTunnel } from "../host/store-tunnel.ts";
import { copyClosure, copySignatures } from "../nix/copy.ts";
import { closure, missingPaths } from "../nix/store.ts";
import { again } from "./again.ts";
import type { Job } from "./job.ts";

/** To ask how much is missing takes as long as to copy a little: a copy that ends sooner is told without. */
const ASK_AFTER_MS = 1000;
const PROGRESS_EVERY_MS = 200;

/** @throws CopyError | ConnectionLostError */
export async function copyToHost(job: Job, release: string): Promise<void> {
  // Built there.
  if (job.node.build === "target") return;
  const { interruption: signal, session, stages } = job;
  const { substituteOnTarget: substitute, requireSignature: signatures } = job.node;
  const say = (line: string) => stages.say(line);
  const copy = async () => {
    const { connection } = await session.line({ signal });
    const { restricted } = session;
    await using tunnel = await session.store.open(connection, { root: !restricted, signal, say });
    await sendClosure(job, tunnel, release, { substitute, signatures }).catch((error: unknown) => {
      throw restricted && error instanceof CopyError ? asDeployUser(error) : error;
    });
  };
  await again(copy, { signal, say });
}

interface Sending {
  readonly substitute?: boolean;
  /** Brings signatures for what is there already, too. */
  readonly signatures: boolean;
}

/**
 * Tells of its progress as the job's stage `copy`.
 * @throws CopyError | ConnectionLostError
 */
export async function sendClosure(
  job: Job,
  tunnel: StoreTunnel,
  release: string,
  { substitute = false, signatures }: Sending,
): Promise<void> {
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
    const options = { signal: job.interruption, onLine: (line: string) => job.log("nix", line) };
    await withTunnel(tunnel, job.interruption, async () => {
      await copyClosure(tunnel.storeUri, [release], { substitute, ...options });
      // Older nix lets trusted users do this only. What is missing then, the host says itself.
      if (signatures) await copySignatures(tunnel.storeUri, [release], options).catch(unlessCopyError);
    });
    tell();
  } finally {
    clearTimeout(asking);
    clearInterval(ticker);
  }
}

/**
 * Where the host's end of the tunnel was the reason of a failure, that is told: nix itself only saw a socket that closed. Where nix was told
 * to stop, its daemon on the host saw no more than that.
 * @throws what `work` throws, or why its connection or the daemon ended
 */
export async function withTunnel<T>(tunnel: StoreTunnel, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const problem = tunnel.problem();
    if (signal.aborted || problem === undefined) throw error;
    if (!(problem instanceof CopyError && error instanceof BungeeError && error.detail)) throw problem;
    const { message, mend, detail = "it said nothing", node } = problem;
    throw new CopyError(message, {
      mend,
      ...(node ? { node } : {}),
      detail: `there: ${detail}\nhere: ${error.detail}`,
    });
  }
}

function unlessCopyError(error: unknown): void {
  if (!(error instanceof CopyError)) throw error;
}

/** What stops a deploy user most often is that nix wants signatures of it, and only nix's words would tell. */
function asDeployUser({ message, detail }: CopyError): CopyError {
  return new CopyError(message, {
    mend: "see what nix says above; a deploy user may only bring paths signed by a key of the host's nix.settings.trusted-public-keys",
    detail,
  });
}

/** A path that is on its way counts whole, what came before it not at all: a second's worth at most. */
async function bytesMissing(release: string, store: string): Promise<number> {
  const sizes = await closure([release]);
  const missing = await missingPaths([...sizes.keys()], { store });
  return missing.reduce((total, path) => total + (sizes.get(path) ?? 0), 0);
}
