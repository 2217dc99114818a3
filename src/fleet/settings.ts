/** From what the flake says to nodes: layers laid over each other, every mistake of the whole fleet in one error. */
import { ConfigurationError } from "../errors.ts";
import { didYouMean } from "./nearest.ts";
import type { Node } from "./node.ts";
import { cycleIn } from "./order.ts";
import { attributePath, checkFleetOutput, checkSettings, type Settings, show } from "./schema.ts";

/** As read from the flake, unchecked. */
export interface RawNode {
  readonly hostName: string | null;
  /** `config.bungee` */
  readonly bungee: unknown;
}

export interface RawFleet {
  /** All attributes of `nixosConfigurations`, those included that could not be read. */
  readonly names: readonly string[];
  /** The flake output `bungee`. */
  readonly output: unknown;
  /** Those that could be read. */
  readonly nodes: ReadonlyMap<string, RawNode>;
}

/** All that has a default is there once the built-in ones lie below. */
type Filled = Omit<Node, "name" | "hostName" | "addresses"> & Pick<Settings, "addresses">;

const BUILT_IN: Settings = {
  labels: {},
  after: [],
  enable: true,
  build: "local",
  elevation: "auto",
  substituteOnTarget: false,
  activation: { timeout: 240 },
  confirmation: { timeout: 30, retryEvery: 1 },
  rollback: { enable: true },
};

/**
 * CLI flags win over the node's own `config.bungee`, that over the flake's `bungee.nodes.<name>`, that over
 * `bungee.defaults`, that over the built-in defaults. Labels and groups are merged key by key.
 * @throws ConfigurationError naming every wrong field
 */
export function readSettings(fleet: RawFleet, overrides: Settings = {}): Map<string, Node> {
  const { defaults, nodes: fromOutput, errors: outputErrors } = checkFleetOutput(fleet.output);
  const errors = [...outputErrors];
  const check = (at: string, input: unknown, use?: "node" | "defaults") => {
    const checked = checkSettings(at, input, use);
    errors.push(...checked.errors);
    for (const [index, name] of (checked.settings.after ?? []).entries()) {
      if (!fleet.names.includes(name)) {
        errors.push(`${at}.after[${index}]: ${show(name)} is not a node of the fleet${didYouMean(name, fleet.names)}`);
      }
    }
    return checked.settings;
  };

  const flags = check("the command line", overrides);
  const common = check("bungee.defaults", defaults, "defaults");
  for (const name of Object.keys(fromOutput)) {
    if (fleet.names.includes(name)) continue;
    errors.push(
      `bungee.${attributePath("nodes", name)}: no such node in nixosConfigurations${didYouMean(name, fleet.names)}`,
    );
  }
  const nodes = new Map<string, Node>();
  for (const name of fleet.names) {
    const raw = fleet.nodes.get(name);
    if (raw === undefined) continue;
    const place = attributePath("nixosConfigurations", name, "config", "bungee");
    const outer = Object.hasOwn(fromOutput, name)
      ? check(attributePath("bungee", "nodes", name), fromOutput[name])
      : {};
    const own = check(place, raw.bungee);
    const { addresses = [name], ...settings } = [common, outer, own, flags].reduce<Settings>(
      overlay,
      BUILT_IN,
    ) as Filled;
    if (addresses.includes(name) && checkSettings("", { addresses: [name] }).errors.length > 0) {
      errors.push(`${place}.addresses: must be set, since the node's name cannot be an address`);
    }
    const [first = name, ...others] = addresses;
    nodes.set(name, { ...settings, name, hostName: raw.hostName || null, addresses: [first, ...others] });
  }
  // Only then: an error in `after` would show up twice.
  const cycle = errors.length === 0 ? cycleIn(nodes) : undefined;
  if (cycle) errors.push(`these nodes wait for each other: ${cycle.join(" → ")}; take one of them out of "after"`);
  if (errors.length > 0) throw configurationError(errors);
  return nodes;
}

function configurationError(errors: readonly string[]): ConfigurationError {
  const [only = ""] = errors;
  return errors.length === 1
    ? new ConfigurationError(only, { mend: "correct this setting" })
    : new ConfigurationError([`${errors.length} settings are wrong:`, ...errors].join("\n  "), {
        mend: "correct these settings",
      });
}

/** `over` wins; groups and labels are merged. */
function overlay(under: Settings, over: Settings): Settings {
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    if (value === undefined) continue;
    const below = merged[key];
    merged[key] = isGroup(value) && isGroup(below) ? { ...below, ...value } : value;
  }
  return merged as Settings;
}

function isGroup(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
