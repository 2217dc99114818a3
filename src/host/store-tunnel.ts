/**
 * The host's nix store as a local socket: `nix copy --to unix://…` speaks to the host's own nix-daemon through the
 * connection that is open already. For copies to the host and for questions about its store; nix reads the files of a unix
 * store from its own disk, so that `--from` would copy this machine's.
 *
 * Throughput, 500 MB to an sshd on the same two cores: some 0.7 to 0.8 × `nix copy --to ssh-ng://` (npm run bench). What counted: AES-GCM,
 * made quicker (cipher.ts), and reading up to 1 MiB ahead from the socket. What did not: CTR ciphers.
 */
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { BungeeError, CopyError } from "../errors.ts";
import { collect } from "../process.ts";
import type { Channel, Connection } from "./connection.ts";
import { FromGreeting } from "./daemon-greeting.ts";
import { privateDirectory } from "./private-directory.ts";

const READ_AHEAD = 1024 * 1024;
const KEEP_STDERR = 4096;

export interface StoreTunnel extends AsyncDisposable {
  /** What to give to nix as a store. */
  readonly storeUri: string;
  /** Through the tunnel so far, both ways. */
  bytes(): { readonly sent: number; readonly received: number };
  /** Why the host's nix-daemon ended badly, if it did: nix itself sees only a socket that closed. */
  problem(): BungeeError | undefined;
  close(): Promise<void>;
}

export interface StoreTunnelOptions {
  /** Runs nix-daemon as root: it then takes paths that nobody signed, whoever logged in. */
  readonly root?: boolean;
}

export async function openStoreTunnel(connection: Connection, options: StoreTunnelOptions = {}): Promise<StoreTunnel> {
  const directory = await privateDirectory("nix".length);
  const path = join(directory.path, "nix");
  const bytes = { sent: 0, received: 0 };
  const open = new Set<Socket>();
  let problem: BungeeError | undefined;

  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, highWaterMark: READ_AHEAD }, (socket) => {
    open.add(socket);
    // nix ends a connection as it likes; what happened shows in its exit code.
    socket.on("error", () => {});
    socket.once("close", () => open.delete(socket));
    connection
      .open({ argv: ["nix-daemon", "--stdio"], root: options.root ?? false })
      .then((channel) => relay(socket, channel, connection, bytes))
      .catch((error: unknown) => {
        if (error instanceof BungeeError) problem ??= error;
        socket.destroy();
      });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });

  const hangUp = () => {
    for (const socket of open) socket.destroy();
  };
  connection.lost.addEventListener("abort", hangUp, { once: true });
  const close = async () => {
    connection.lost.removeEventListener("abort", hangUp);
    hangUp();
    await new Promise((resolve) => server.close(resolve));
    await directory.remove();
  };
  return {
    storeUri: `unix://${path}`,
    bytes: () => ({ ...bytes }),
    problem: () => problem,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Both ways at the pace of the slower side, each way closed on its own. @throws why nix-daemon ended badly */
async function relay(
  socket: Socket,
  channel: Channel,
  connection: Connection,
  bytes: { sent: number; received: number },
): Promise<void> {
  // To its end, which may come after the exit code. A line that breaks in the middle is told by the exit.
  const complaint = collect(channel.stderr, KEEP_STDERR).catch(() => "");
  socket.on("data", (chunk: Buffer) => {
    bytes.sent += chunk.length;
  });
  channel.stdout.on("data", (chunk: Buffer) => {
    bytes.received += chunk.length;
  });
  // nix went away: nobody needs the daemon any more.
  socket.once("close", () => channel.close());
  channel.stdin.on("close", () => socket.resume());
  socket.pipe(channel.stdin);
  channel.stdout.pipe(new FromGreeting()).pipe(socket);
  const exit = await channel.exited;
  if (exit.code === 0 || exit.signal === "SIGTERM") return;
  throw new CopyError(`nix-daemon on ${connection.node} ended with ${exit.code ?? exit.signal}`, {
    mend:
      exit.code === 127
        ? `install nix on the host, so that ${connection.user} finds nix-daemon on the PATH`
        : "look at what it said",
    detail: (await complaint).trim() || undefined,
    node: connection.node,
  });
}
