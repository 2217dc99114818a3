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
import { setTimeout as pause } from "node:timers/promises";
import { BungeeError, CopyError } from "../errors.ts";
import { collect, type Exit } from "../process.ts";
import type { Channel, Connection } from "./connection.ts";
import { FromGreeting } from "./daemon-greeting.ts";
import { privateDirectory } from "./private-directory.ts";

const READ_AHEAD = 1024 * 1024;
const KEEP_STDERR = 4096;
/** Between the end of what nix-daemon answers and its exit code lie sudo, a shell and sshd. */
const LAST_WORDS_MS = 5000;

export interface StoreTunnel extends AsyncDisposable {
  /** What to give to nix as a store. */
  readonly storeUri: string;
  /** Through the tunnel so far, both ways. */
  bytes(): { readonly sent: number; readonly received: number };
  /**
   * Why the host's nix-daemon ended badly, or the connection broke, if it did while nix wanted more. nix itself sees only a socket that
   * closed, and not before this is known.
   */
  problem(): BungeeError | undefined;
  close(): Promise<void>;
}

export interface StoreTunnelOptions {
  /** Runs nix-daemon as root: it then takes paths that nobody signed, whoever logged in. */
  readonly root?: boolean;
  /** Added to nix-daemon's environment, as NAME=VALUE. */
  readonly environment?: readonly string[];
}

export async function openStoreTunnel(connection: Connection, options: StoreTunnelOptions = {}): Promise<StoreTunnel> {
  const { root = false, environment = [] } = options;
  const daemon = ["nix-daemon", "--stdio"] as const;
  const argv = environment.length === 0 ? daemon : (["env", ...environment, ...daemon] as const);
  const directory = await privateDirectory("nix".length);
  const path = join(directory.path, "nix");
  const bytes = { sent: 0, received: 0 };
  const open = new Set<Socket>();
  let problem: BungeeError | undefined;
  const note = (error: BungeeError) => {
    problem ??= error;
  };

  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, highWaterMark: READ_AHEAD }, (socket) => {
    open.add(socket);
    // nix ends a connection as it likes; what happened shows in its exit code.
    socket.on("error", () => {});
    socket.once("close", () => open.delete(socket));
    connection
      .open({ argv, root })
      .then((channel) => relay(socket, channel, connection, bytes, note))
      .catch((error: unknown) => {
        if (error instanceof BungeeError && !hasLeft(socket)) note(error);
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
  const onLost = () => {
    note(connection.lost.reason);
    hangUp();
  };
  connection.lost.addEventListener("abort", onLost, { once: true });
  const close = async () => {
    connection.lost.removeEventListener("abort", onLost);
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

/**
 * Both ways at the pace of the slower side. nix is let go last: of a daemon that ended badly it is told before nix notices that it
 * gets no answer, and what the daemon said to nix has arrived by then.
 * @param note is told why nix-daemon ended badly
 * @throws ConnectionLostError
 */
async function relay(
  socket: Socket,
  channel: Channel,
  connection: Connection,
  bytes: { sent: number; received: number },
  note: (error: BungeeError) => void,
): Promise<void> {
  // To its end, which may come after the exit code. A line that breaks in the middle is told by the exit.
  const complaint = collect(channel.stderr, KEEP_STDERR).catch(() => "");
  socket.on("data", (chunk: Buffer) => {
    bytes.sent += chunk.length;
  });
  channel.stdout.on("data", (chunk: Buffer) => {
    bytes.received += chunk.length;
  });
  const gone = new Promise<void>((resolve) => {
    if (socket.destroyed) resolve();
    socket.once("close", resolve);
  });
  // nix went away: nobody needs the daemon any more.
  void gone.then(() => channel.close());
  channel.stdin.on("close", () => socket.resume());
  socket.pipe(channel.stdin);
  const answers = channel.stdout.pipe(new FromGreeting());
  answers.pipe(socket, { end: false });
  const answered = new Promise<void>((resolve) => answers.once("end", resolve));

  const late = () => pause(LAST_WORDS_MS, undefined, { ref: false });
  const exit = await Promise.race([channel.exited, answered.then(late)]);
  if (exit && isBad(exit) && !hasLeft(socket)) note(badEnd(connection, exit, await Promise.race([complaint, late()])));
  await Promise.race([answered, gone]);
  socket.end();
}

/** What a daemon does whose nix has gone is no reason for it. */
const hasLeft = (socket: Socket) => socket.readableEnded || socket.destroyed;

const isBad = ({ code, signal }: Exit) => code !== 0 && signal !== "SIGTERM";

function badEnd({ node, user }: Connection, { code, signal }: Exit, complaint = ""): CopyError {
  return new CopyError(`nix-daemon on ${node} ended with ${code ?? signal}`, {
    mend:
      code === 127 ? `install nix on the host, so that ${user} finds nix-daemon on the PATH` : "look at what it said",
    detail: complaint.trim() || undefined,
    node,
  });
}
