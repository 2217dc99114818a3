/** Connects to a node by whichever of its addresses answers first. */
import { BungeeError, ConfigurationError, HostKeyError, LoginError, UnreachableError } from "../errors.ts";
import type { Connect, Connection, ConnectOptions, Target } from "./connection.ts";
import { type Destination, type Query, resolveDestination } from "./destination.ts";
import { unlock } from "./key-file.ts";
import { startMaster } from "./openssh/master.ts";
import { OpensshWire } from "./openssh/openssh.ts";
import { SharedConnection } from "./shared.ts";
import { LockedKey } from "./ssh2/identity.ts";
import { type LoginOptions, logIn } from "./ssh2/login.ts";
import { Ssh2Wire } from "./ssh2/ssh2.ts";
import { beyondSsh2, bothFailed, type Transport, worthOpenssh } from "./transport.ts";

const TIMEOUT_MS = 10_000;
/** The next address is tried at once when one fails, and beside it when it is silent for this long. */
const STAGGER_MS = 500;

/** Addresses of nodes at which ssh2 is not tried any more. */
type Learned = Set<string>;

/**
 * A way to connect that remembers which hosts need openssh, for as long as it is used.
 * BUNGEE_SSH_CONFIG names a file to read in place of `~/.ssh/config`, as `ssh -F` does.
 * @throws UnreachableError | HostKeyError | LoginError | ConfigurationError | the signal's reason
 */
export function dialer(): Connect {
  const learned: Learned = new Set();
  return (target, options = {}) => dial(target, options, learned);
}

/** For one command of bungee. */
export const connect: Connect = dialer();

async function dial(target: Target, options: ConnectOptions, learned: Learned): Promise<Connection> {
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
        connectTo(target, address, { ...options, signal }, learned).then(
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
}

interface Try {
  readonly node: string;
  readonly query: Query;
  readonly destination: Destination;
  readonly options: LoginOptions;
}

/** How each transport connects. */
const TRANSPORTS: Readonly<Record<Transport, (to: Try) => Promise<Connection>>> = {
  ssh2: async ({ node, destination, options }) =>
    new SharedConnection(node, new Ssh2Wire(await logIn(destination, options))),
  openssh: async ({ node, query, options }) =>
    new SharedConnection(node, await OpensshWire.over(await startMaster(query, options))),
};

/** Passphrases are asked for in between: a person may need longer than any timeout, and than a host waits for a login. */
async function connectTo(...args: Parameters<typeof connectOnce>): Promise<Connection> {
  const [, , { secrets, signal }] = args;
  for (;;) {
    try {
      return await connectOnce(...args);
    } catch (error) {
      if (!(error instanceof LockedKey) || secrets === undefined) throw error;
      await unlock(error.path, secrets);
      signal.throwIfAborted();
    }
  }
}

async function connectOnce(
  target: Target,
  address: string,
  options: ConnectOptions & { signal: AbortSignal },
  learned: Learned,
): Promise<Connection> {
  const { node, user, port, identityFile, sshOptions, ssh = "auto" } = target;
  const configFile = process.env.BUNGEE_SSH_CONFIG || undefined;
  const query = { address, user, port, identityFile, sshOptions };
  const destination = await resolveDestination(query, { configFile, signal: options.signal });
  const timeout = AbortSignal.timeout(Math.ceil(options.timeoutMs ?? destination.connectTimeoutMs ?? TIMEOUT_MS));
  const { onNotice, secrets } = options;
  const signal = AbortSignal.any([options.signal, timeout]);
  const to = { node, query, destination, options: { signal, configFile, onNotice, secrets } };
  try {
    return await (ssh === "auto" ? automatic(to, learned) : TRANSPORTS[ssh](to));
  } catch (error) {
    // Before ssh was spoken, the way itself knows only that it was told to stop.
    if (error !== timeout.reason || !timeout.aborted) throw error;
    throw new UnreachableError(`${destination.hostname} port ${destination.port}: no answer`, {
      mend: "check the address, and that the host is on and no firewall drops what is sent to it",
    });
  }
}

/** ssh2; openssh where that is known to be needed, or where it gets on after ssh2 could not. */
async function automatic(to: Try, learned: Learned): Promise<Connection> {
  const { node, destination, options } = to;
  const key = `${node} ${destination.address}`;
  const openssh = async (why: string) => {
    const connection = await TRANSPORTS.openssh(to);
    if (!learned.has(key)) options.onNotice?.(`${destination.address} is reached by ssh itself: ${why}`);
    learned.add(key);
    return connection;
  };
  if (learned.has(key)) return await openssh("as before");
  const known = await beyondSsh2(destination, options);
  if (known !== undefined) return await openssh(known);
  try {
    return await TRANSPORTS.ssh2(to);
  } catch (error) {
    const why = await worthOpenssh(destination, error);
    if (why === undefined) throw error;
    return await openssh(why).catch((second: unknown) => {
      throw bothFailed(error as BungeeError, second);
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
  const ready = errors.find((error) => error instanceof UnreachableError && error.answered) as BungeeError | undefined;
  return new UnreachableError(`cannot reach ${target.node}: ${reasons}`, {
    mend: (ready ?? first).mend,
    node: target.node,
    answered: ready !== undefined,
  });
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
