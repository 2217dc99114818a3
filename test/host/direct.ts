/** The connection port without a network: commands go straight into a lab host. What the activator does can be seen alone. */
import type { Connection } from "../../src/host/connection.ts";
import type { Command, Finished, RunOptions } from "../../src/process.ts";
import type { Host } from "../lab/host.ts";

export function direct(host: Host): Connection {
  return {
    node: host.name,
    address: host.address,
    user: "root",
    silenceMs: 20_000,
    lost: new AbortController().signal,
    async run(command: Command, options: RunOptions = {}): Promise<Finished> {
      const { code, signal, stdout, stderr } = await host.run(command.argv, { stdin: command.stdin ?? "" });
      options.onStdout?.(Buffer.from(stdout));
      return { code, signal, stdout, stderr };
    },
    open: () => Promise.reject(new Error("the activator needs no channels")),
    close: () => Promise.resolve(),
  };
}
