/** The bytes' way to a host: TCP, a ProxyCommand, or a channel through a jump host. */
import { connect as connectTcp, type Socket } from "node:net";
import { Duplex } from "node:stream";
import type { Client } from "ssh2";
import { UnreachableError } from "../../errors.ts";
import { collect, spawnLocal } from "../../process.ts";
import type { Destination } from "../destination.ts";

export interface Way {
  readonly stream: Duplex;
  /** The peer's address, where it is known. */
  readonly ip: string | undefined;
  /** What a ProxyCommand printed on its standard error so far. */
  complaint(): string;
  close(): void;
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection was reset",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to its network",
  ENOTFOUND: "there is no host of this name",
  EAI_AGAIN: "its name could not be looked up now",
  ETIMEDOUT: "no answer",
};

// Node gives each address of a name a quarter of a second: too little for a far host.
const ATTEMPT_MS = 2000;

/** @throws UnreachableError | the signal's reason */
export function wayByTcp(destination: Destination, signal: AbortSignal): Promise<Way> {
  const { hostname: host, port, addressFamily: family, bindAddress } = destination;
  return new Promise((resolve, reject) => {
    const socket: Socket = connectTcp({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      autoSelectFamily: family === 0,
      autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
      ...(family === 0 ? {} : { family }),
      ...(bindAddress === undefined ? {} : { localAddress: bindAddress }),
    });
    const abort = () => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    const fail = (error: NodeJS.ErrnoException) => {
      signal.removeEventListener("abort", abort);
      reject(unreachable(`${host} port ${port}: ${reasonOf(error)}`, error));
    };
    socket.once("error", fail);
    socket.once("connect", () => {
      signal.removeEventListener("abort", abort);
      socket.off("error", fail);
      const ip = socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, "");
      resolve({ stream: socket, ip, complaint: () => "", close: () => socket.destroy() });
    });
  });
}

/** @throws MissingToolError */
export async function wayByCommand(line: string): Promise<Way> {
  // As ssh runs it: by the user's shell, replaced by the command.
  const child = await spawnLocal({ argv: [process.env.SHELL || "/bin/sh", "-c", `exec ${line}`] });
  let complaint = "";
  void collect(child.stderr, 4096, (chunk) => {
    complaint = (complaint + chunk.toString("utf8")).slice(-4096);
  }).catch(() => {});
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  // Its end is told by the stream; after that nobody listens.
  stream.on("error", () => {});
  return {
    stream,
    ip: undefined,
    complaint: () => complaint.trim(),
    close() {
      stream.destroy();
      child.end();
    },
  };
}

/** @param leave ends the login at the jump host. @throws UnreachableError | the signal's reason */
export function wayThroughJump(
  jump: Client,
  leave: () => void,
  { hostname, port }: Destination,
  signal: AbortSignal,
): Promise<Way> {
  return new Promise((resolve, reject) => {
    // The jump host would wait for minutes.
    const abort = () => {
      leave();
      reject(signal.reason);
    };
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    jump.once("close", () => reject(unreachable(`the jump host broke the connection`)));
    jump.forwardOut("127.0.0.1", 0, hostname, port, (error, channel) => {
      signal.removeEventListener("abort", abort);
      if (error) {
        leave();
        reject(unreachable(`the jump host cannot reach ${hostname} port ${port}: ${error.message}`, error));
        return;
      }
      channel.on("error", () => {});
      resolve({ stream: channel, ip: undefined, complaint: () => "", close: leave });
    });
  });
}

export function unreachable(message: string, cause?: unknown): UnreachableError {
  return new UnreachableError(message, {
    mend: "check the address, that the host is on, and that its sshd answers there",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The connection stood when the time was over. */
export function unready(message: string): UnreachableError {
  return new UnreachableError(message, {
    mend: "look at what sshd waits for there (a name server, a directory of users), or give it more time: ConnectTimeout in ssh_config",
    answered: true,
  });
}

/** Node collects the failures of several addresses of one name in an AggregateError. */
export function reasonOf(error: NodeJS.ErrnoException): string {
  const all = error instanceof AggregateError ? (error.errors as NodeJS.ErrnoException[]) : [error];
  return [...new Set(all.map((each) => REASONS[each.code ?? ""] ?? each.message))].join(", ");
}
