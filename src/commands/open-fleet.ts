/** The fleet that a command is about, and what has to be said of settings that were written for another tool. */
import { ConfigurationError, UsageError } from "../errors.ts";
import { type Fleet, openFleet } from "../fleet/fleet.ts";
import type { Settings } from "../fleet/schema.ts";
import type { Schema } from "../fleet/sources/source.ts";
import type { Emit } from "../run/events.ts";
import type { Action } from "../run/outcome.ts";
import { logOf } from "./reporting.ts";
import type { Chosen } from "./selection.ts";

export interface FleetArguments {
  readonly flake: string;
  readonly schema: Schema | "auto";
}

/** Says at once what is about the fleet as a whole. */
export async function readFleet(
  { flake, schema }: FleetArguments,
  emit: Emit,
  { overrides = {}, signal }: { readonly overrides?: Settings; readonly signal: AbortSignal },
): Promise<Fleet> {
  const fleet = await openFleet({ flake, schema, overrides, signal, onLine: logOf(emit) });
  for (const { node, message } of fleet.notes) if (node === null) emit({ type: "notice", level: "info", message });
  return fleet;
}

const NAMED = 6;

/** What the chosen nodes say and cannot have; once for all that say the same. */
export function tellNotes(fleet: Fleet, chosen: Chosen, emit: Emit): void {
  const names = chosen.nodes.map(({ name }) => name);
  const nodesBy = new Map<string, string[]>();
  const tell = (node: string, message: string) => nodesBy.set(message, [...(nodesBy.get(message) ?? []), node]);
  for (const name of names) for (const { node, message } of fleet.notes) if (node === name) tell(name, message);
  for (const [node, keys] of keysOf(fleet, chosen))
    tell(node, `deployment.keys: bungee does not bring ${keys.join(", ")} to the host`);
  for (const [message, nodes] of nodesBy) {
    const more = nodes.length > NAMED ? ` and ${nodes.length - NAMED} more` : "";
    emit({ type: "notice", level: "warning", message: `${nodes.slice(0, NAMED).join(", ")}${more}: ${message}` });
  }
}

function keysOf({ reading }: Fleet, { nodes }: Chosen): [name: string, keys: readonly string[]][] {
  return nodes.flatMap(({ name }) => {
    const keys = reading.nodes.get(name)?.keys ?? [];
    return keys.length > 0 ? [[name, keys]] : [];
  });
}

const ACTIVATES: readonly Action[] = ["test", "switch", "boot"];

/**
 * What another tool would not have done with these settings, or not like this.
 * @throws UsageError | ConfigurationError
 */
export function refuseByReading(
  fleet: Fleet,
  chosen: Chosen,
  { action, dryRun, keys }: { readonly action: Action; readonly dryRun: boolean; readonly keys: boolean },
): void {
  if (dryRun) return;
  if (chosen.all && fleet.reading.notAll !== null && action !== "build") {
    throw new UsageError(`${fleet.reading.notAll}: all hosts at once may not be deployed`, {
      mend: "name hosts, tags (@web) or labels; in CI by a rule of bungee.ci",
    });
  }
  const withKeys = keysOf(fleet, chosen);
  if (!keys || withKeys.length === 0 || !ACTIVATES.includes(action)) return;
  const said = withKeys.map(([name, names]) => `${name} (${names.join(", ")})`);
  throw new ConfigurationError(
    `these hosts have deployment.keys, which bungee does not bring to them: ${said.join(", ")}`,
    {
      mend: "bring them by colmena upload-keys, or let the hosts decrypt their own (sops-nix, agenix), and say --no-keys",
    },
  );
}
