/**
 * The host's nix store as a local socket: `nix copy --to unix://…` speaks to the host's own nix-daemon through the
 * connection that is open already. For copies to the host and for questions about its store; nix reads the files of a unix
 * store from its own disk, so that `--from` would copy this machine's.
 *
 * Throughput, 500 MB to an sshd on the same two cores: some 0.7 to 0.8 × `nix copy --to ssh-ng://` (npm run bench). What counted: AES-GCM,
 * made quicker (cipher.ts), and reading up to 1 MiB ahead from the socket. What did not: CTR ciphers.
 */
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BungeeError, CopyError } from "../errors.ts";
import type { Channel, Connection } from "./connection.ts";

const READ_AHEAD = 1024 * 1024;
/** sun_path is 108 bytes on Linux, 104 elsewhere, with its NUL. */
const MAX_PATH = 103;
const KEEP_STDERR = 4096;

/** Of the tunnels that are open: removed also when bungee is told to leave at once. */
const directories = new Set<string>();
process.on("exit", () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

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
  const directory = await privateDirectory();
  directories.add(directory);
  const path = join(directory, "nix");
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
    await rm(directory, { recursive: true, force: true });
    directories.delete(directory);
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
  let complaint = "";
  channel.stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString("utf8")).slice(-KEEP_STDERR);
  });
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
  channel.stdout.pipe(socket);
  const exit = await channel.exited;
  if (exit.code === 0 || exit.signal === "SIGTERM") return;
  throw new CopyError(`nix-daemon on ${connection.node} ended with ${exit.code ?? exit.signal}`, {
    mend:
      exit.code === 127
        ? `install nix on the host, so that ${connection.user} finds nix-daemon on the PATH`
        : "look at what it said",
    detail: complaint.trim() || undefined,
    node: connection.node,
  });
}

/** Only its owner may enter: whoever reaches the socket may write to the host's store. */
async function privateDirectory(): Promise<string> {
  const base = tmpdir();
  const fits = Buffer.byteLength(join(base, "bungee-XXXXXX", "nix")) <= MAX_PATH;
  // nix reads the path out of a URI.
  return mkdtemp(join(fits && /^[\w./-]+$/.test(base) ? base : "/tmp", "bungee-"));
}
