/** An ssh2 channel as the port's Channel: streams that can be iterated, and an exit that is never guessed. */
import { Readable, Writable } from "node:stream";
import type { ClientChannel } from "ssh2";
import { ConnectionLostError } from "../../errors.ts";
import type { Exit } from "../../process.ts";
import type { Channel } from "../connection.ts";

/** Bytes of output held for a slow reader before the host has to wait. Input is held by ssh2, up to 2 MiB. */
const READ_AHEAD = 1024 * 1024;

/**
 * To be called as soon as the channel is there, in the same tick: ssh2 may tell of the exit in the next line.
 * @param lost of the connection
 * @param closed called once, when the host has closed the channel or the connection is lost
 */
export function wrapChannel(source: ClientChannel, lost: AbortSignal, closed: () => void): Channel {
  const stdout = new Output(source);
  const stderr = new Output(source.stderr);
  const stdin = new Input(source);
  const exit = Promise.withResolvers<Exit>();
  // Who does not care for the exit need not handle it.
  exit.promise.catch(() => {});
  // null stands for a signal in ssh2, too; the names are those of node ("SIGTERM").
  source.once("exit", (code: number | null, signal?: string) => exit.resolve({ code, signal: signal ?? null }));
  const onLost = () => {
    source.off("close", onClose);
    exit.reject(lost.reason);
    stdin.destroy();
    stdout.lose(lost.reason);
    stderr.lose(lost.reason);
    closed();
  };
  const onClose = () => {
    lost.removeEventListener("abort", onLost);
    // A no-op where the exit is known.
    exit.reject(
      new ConnectionLostError("the host closed the channel without saying how the command ended", {
        mend: "ask the host what became of it",
      }),
    );
    // A command may end without having read everything; ssh2 would then never call back.
    stdin.destroy();
    closed();
  };
  lost.addEventListener("abort", onLost, { once: true });
  source.once("close", onClose);
  return {
    stdin,
    stdout,
    stderr,
    exited: exit.promise,
    close() {
      terminate(source);
      source.close();
      stdout.destroy();
      stderr.destroy();
    },
  };
}

/**
 * ssh2's own streams would do, but for two things: iterating over its Duplex destroys it at the end of the output, which
 * closes the channel before the exit status has come; and a lost connection looks like the end of the output.
 */
class Output extends Readable {
  readonly #source: Readable;

  constructor(source: Readable) {
    super({ highWaterMark: READ_AHEAD });
    this.#source = source;
    source.on("data", (chunk: Buffer) => {
      if (!this.destroyed && !this.push(chunk)) source.pause();
    });
    source.once("end", () => this.push(null));
    // `exited` tells of a loss also to those who do not look at the streams.
    this.on("error", () => {});
  }

  lose(reason: Error): void {
    if (!this.readableEnded) this.destroy(reason);
  }

  override _read(): void {
    this.#source.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // What still comes is thrown away: the host would wait with the exit until somebody takes it.
    this.#source.resume();
    done(error);
  }
}

class Input extends Writable {
  readonly #source: Writable;

  constructor(source: Writable) {
    super();
    this.#source = source;
    this.on("error", () => {});
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#source.write(chunk)) done();
    else this.#source.once("drain", done);
  }

  override _final(done: () => void): void {
    this.#source.end();
    done();
  }
}

/** Without a terminal, sshd lets a command run on when its channel closes. ssh2's own `signal` says nothing after the end of stdin. */
function terminate(source: ClientChannel): void {
  const { _client, outgoing } = source as unknown as {
    _client?: { _protocol?: { signal?: (id: number, name: string) => void } };
    outgoing?: { id: number; state: string };
  };
  if (outgoing === undefined || !["open", "eof"].includes(outgoing.state)) return;
  try {
    _client?._protocol?.signal?.(outgoing.id, "TERM");
  } catch {
    // The connection is gone, and with it the reason to ask.
  }
}
