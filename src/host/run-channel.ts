/** A command from its start to its end, over whatever opens channels. */
import { type Command, collect, type Finished, type RunOptions } from "../process.ts";
import type { Channel } from "./connection.ts";

/** @throws what `open` throws, ConnectionLostError, or the signal's reason */
export async function runChannel(
  open: (command: Command) => Promise<Channel>,
  command: Command,
  options: RunOptions = {},
): Promise<Finished> {
  const { signal, keep } = options;
  signal?.throwIfAborted();
  const opening = open(command);
  const work = opening.then(async (channel) => {
    channel.stdin.end(command.stdin ?? "");
    const [stdout, stderr, exit] = await Promise.all([
      collect(channel.stdout, keep, options.onStdout),
      collect(channel.stderr, keep, options.onStderr),
      channel.exited,
    ]);
    return { ...exit, stdout, stderr };
  });
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stop = () => {
      reject(signal.reason);
      opening.then((channel) => channel.close()).catch(() => {});
    };
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
