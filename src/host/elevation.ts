/** How a command that wants root gets it. A value: it wraps a command, and can tell its own refusal from the command's failure. */
import { ElevationError } from "../errors.ts";
import type { Command, Exit, Finished, RunOptions } from "../process.ts";
import type { Channel, Connection } from "./connection.ts";

export interface Elevation {
  readonly name: "none" | "sudo";
  /** Words are put before the command's own, which stay as they are: a rule on the host may name them. */
  wrap(command: Command): Command;
  /**
   * Asked after a root command that ended without having printed anything.
   * @param bare the connection without elevation
   * @returns the error when the command was never started
   */
  refusal(bare: Connection, command: Command, exit: Exit, stderr: string): Promise<ElevationError | undefined>;
}

const none: Elevation = {
  name: "none",
  wrap: (command) => command,
  refusal: async () => undefined,
};

const sudo: Elevation = {
  name: "sudo",
  wrap: (command) => ({ ...command, argv: ["sudo", "-n", "--", ...command.argv] }),
  async refusal(bare, command, exit, stderr) {
    // sudo says 1 whenever it does not start the command, the shell 127 where there is no sudo. Both could be the command's own.
    if (exit.code !== 1 && exit.code !== 127) return undefined;
    const ask = async (...argv: [string, ...string[]]) => (await bare.run({ argv })).code === 0;
    if (exit.code === 127 && (await ask("sh", "-c", "command -v sudo"))) return undefined;
    if (exit.code === 1) {
      if (await ask("sudo", "-n", "true")) return undefined;
      // Who may run one command only may not run `true`, but may ask about that command.
      if (await ask("sudo", "-n", "-l", "--", ...command.argv)) return undefined;
    }
    return new ElevationError(`${bare.user} may not become root on ${bare.node} by sudo without a password`, {
      mend: `allow it on the host (NixOS: security.sudo.wheelNeedsPassword = false, and ${bare.user} in wheel), or log in as root`,
      detail: stderr.trim() || (exit.code === 127 ? "there is no sudo on its PATH" : undefined),
      node: bare.node,
    });
  },
};

/** @param user who logs in */
export function elevationFor(setting: "auto" | "none" | "sudo", user: string): Elevation {
  if (setting === "auto") return user === "root" ? none : sudo;
  return setting === "sudo" ? sudo : none;
}

/** The same connection, on which commands with `root: true` run elevated. They may fail with an ElevationError. */
export function elevated(bare: Connection, elevation: Elevation): Connection {
  if (elevation.name === "none") return bare;
  return {
    node: bare.node,
    address: bare.address,
    user: bare.user,
    lost: bare.lost,
    close: () => bare.close(),
    async run(command: Command, options?: RunOptions): Promise<Finished> {
      if (!command.root) return bare.run(command, options);
      const finished = await bare.run(elevation.wrap(command), options);
      if (finished.stdout !== "") return finished;
      const refusal = await elevation.refusal(bare, command, finished, finished.stderr);
      if (refusal) throw refusal;
      return finished;
    },
    async open(command: Command): Promise<Channel> {
      if (!command.root) return bare.open(command);
      const channel = await bare.open(elevation.wrap(command));
      const exited = channel.exited.then(async (exit) => {
        if (channel.stdout.readableDidRead || channel.stdout.readableLength > 0) return exit;
        const refusal = await elevation.refusal(bare, command, exit, "");
        if (refusal) throw refusal;
        return exit;
      });
      exited.catch(() => {});
      return { ...channel, exited };
    },
  };
}
