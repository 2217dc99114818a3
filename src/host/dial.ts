/** Connects to a node by whichever of its addresses answers first. */
import { BungeeError, ConfigurationError, HostKeyError, LoginError, UnreachableError } from "../errors.ts";
import type { Connect, Connection, ConnectOptions, Target } from "./connection.ts";
import { resolveDestination } from "./destination.ts";
import { logIn } from "./login.ts";
import { Ssh2Connection } from "./ssh2.ts";

const TIMEOUT_MS = 10_000;
/** The next address is tried at once when one fails, and beside it when it is silent for this long. */
const STAGGER_MS = 500;

/**
 * BUNGEE_SSH_CONFIG names a file to read in place of `~/.ssh/config`, as `ssh -F` does.
 * @throws UnreachableError | HostKeyError | LoginError | ConfigurationError | the signal's reason
 */
export const connect: Connect = async (target, options = {}) => {
  options.signal?.throwIfAborted();
  const settled = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, settled.signal]) : settled.signal;
  const failures = new Map<string, unknown>();
  const addresses = [...new Set(target.addresses)];
  try {
    return await new Promise<Connection>((resolve, reject) => {
      let next = 0;
      let timer: NodeJS.Timeout;
      const tryNext = () => {
        clearTimeout(timer);
        const address = addresses[next];
        if (address === undefined || settled.signal.aborted) return;
        next += 1;
        timer = setTimeout(tryNext, STAGGER_MS);
        connectTo(target, address, { ...options, signal }).then(
          (connection) => {
            // Another was quicker, or nobody waits any more.
            if (signal.aborted) void connection.close();
            else resolve(connection);
          },
          (error: unknown) => {
            failures.set(address, error);
            if (next < addresses.length) tryNext();
            else if (failures.size === addresses.length) reject(gravest(target, addresses, failures));
          },
        );
      };
      settled.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
      options.signal?.addEventListener("abort", () => reject(signal.reason), { signal: settled.signal });
      tryNext();
    });
  } finally {
    settled.abort();
  }
};

async function connectTo(target: Target, address: string, options: ConnectOptions & { signal: AbortSignal }) {
  const { user, port, identityFile } = target;
  const configFile = process.env.BUNGEE_SSH_CONFIG || undefined;
  const query = { address, user, port, identityFile };
  const destination = await resolveDestination(query, { configFile, signal: options.signal });
  const timeout = AbortSignal.timeout(Math.ceil(options.timeoutMs ?? destination.connectTimeoutMs ?? TIMEOUT_MS));
  try {
    const signal = AbortSignal.any([options.signal, timeout]);
    const login = await logIn(destination, { signal, configFile, onNotice: options.onNotice });
    return new Ssh2Connection(target.node, login);
  } catch (error) {
    // Before ssh was spoken, the way itself knows only that it was told to stop.
    if (error !== timeout.reason || !timeout.aborted) throw error;
    throw new UnreachableError(`${destination.hostname} port ${destination.port}: no answer`, {
      mend: "check the address, and that the host is on and no firewall drops what is sent to it",
    });
  }
}

/** One of the other addresses may have been a wrong guess; a key or a login refused says more than silence. */
function gravest(target: Target, addresses: readonly string[], failures: ReadonlyMap<string, unknown>): unknown {
  const errors = addresses.map((address) => failures.get(address));
  const defect = errors.find((error) => !(error instanceof BungeeError));
  if (defect !== undefined) return defect;
  const kinds = [HostKeyError, LoginError, ConfigurationError] as const;
  for (const kind of kinds) {
    const error = errors.find((each) => each instanceof kind);
    if (error !== undefined) return about(error as BungeeError, target.node, addresses, failures);
  }
  const [first] = errors as [BungeeError];
  if (!(first instanceof UnreachableError)) return first;
  const reasons = (errors as BungeeError[]).map((error) => error.message).join("; ");
  const error = new UnreachableError(`cannot reach ${target.node}: ${reasons}`, {
    mend: first.mend,
    node: target.node,
  });
  return error;
}

function about(
  error: BungeeError,
  node: string,
  addresses: readonly string[],
  failures: ReadonlyMap<string, unknown>,
): BungeeError {
  error.node = node;
  const others = addresses.filter((address) => failures.get(address) !== error);
  if (others.length > 0) {
    error.message += ` (and ${others.map((address) => (failures.get(address) as Error).message).join("; ")})`;
  }
  return error;
}
