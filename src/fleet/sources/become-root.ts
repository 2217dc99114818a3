/** Commands by which others become root, as the elevation that does the same. Pure. */
import type { Elevation } from "../node.ts";

const TOOLS: readonly Elevation[] = ["sudo", "doas", "run0"];

/** What bungee does by itself, or what changes nothing for its commands. */
const PLAIN = /^(?:-[nHSku]+|--|--user|--non-interactive|--set-home|--stdin|root)$/;

export interface Becoming {
  /** undefined: no way that bungee knows. */
  readonly elevation: Elevation | undefined;
  /** Words that are left out. */
  readonly ignored: readonly string[];
}

/** @param words of a command, the user's name perhaps left out: ["sudo", "-u"] */
export function becomingBy([command = "", ...options]: readonly string[]): Becoming {
  const name = command.slice(command.lastIndexOf("/") + 1);
  const elevation = TOOLS.find((tool) => tool === name);
  if (elevation === undefined) return { elevation, ignored: [command, ...options] };
  return { elevation, ignored: options.filter((option) => !PLAIN.test(option)) };
}
