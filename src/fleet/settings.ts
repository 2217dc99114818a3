/** From what the flake says to nodes: layers laid over each other, every mistake of the whole fleet in one error. */
import { ConfigurationError } from "../errors.ts";
import { tooLong } from "./health-checks.ts";
import { didYouMean } from "./nearest.ts";
import type { Node } from "./node.ts";
import { cycleIn } from "./order.ts";
import { checkFleetOutput, checkSettings, type Settings } from "./schema.ts";
import { attributePath, show } from "./sentences.ts";
import type { Reading, SourceNode } from "./sources/source.ts";

/** As read from the flake; of bungee's own settings nothing is checked yet. */
export type RawNode = Pick<SourceNode, "hostName" | "bungee"> &
  Partial<Pick<SourceNode, "settings" | "place" | "chain" | "profile">>;

export interface RawFleet extends Partial<Pick<Reading, "defaults" | "errors">> {
  /** The flake's output whose entries the nodes are. Default: nixosConfigurations. */
  readonly from?: string;
  /** All nodes, those included that could not be read. */
  readonly names: readonly string[];
  /** The flake output `bungee`. */
  readonly output: unknown;
  /** Those that could be read. */
  readonly nodes: ReadonlyMap<string, RawNode>;
}

/** One mistake in what every host imports shows up once for each of them. */
const ERRORS_SHOWN = 25;

/** All that has a default is there once the built-in ones lie below. */
type Filled = Omit<Node, "name" | "hostName" | "addresses" | "profile"> & Pick<Settings, "addresses" | "node">;

const BUILT_IN: Settings = {
  sshOptions: {},
  labels: {},
  after: [],
  enable: true,
  build: "local",
  ssh: "auto",
  elevation: "auto",
  substituteOnTarget: false,
  requireSignature: false,
  activation: { timeout: 240, allowFailedUnits: false },
  confirmation: { timeout: 30, retryEvery: 1 },
  healthChecks: {},
  rollback: { enable: true },
  reboot: { allow: true, timeout: 600 },
};

/**
 * CLI flags win over the node's own `config.bungee`, that over the flake's `bungee.nodes.<name>`, that over what another tool's settings
 * say of the node, that over `bungee.defaults`, that over the built-in defaults. Labels, groups and health checks are merged key by key.
 * @throws ConfigurationError naming every wrong field
 */
export function readSettings(fleet: RawFleet, overrides: Settings = {}): Map<string, Node> {
  const { defaults, nodes: fromOutput, errors: outputErrors } = checkFleetOutput(fleet.output);
  const { from = "nixosConfigurations", defaults: ofSource = {}, errors: sourceErrors = [] } = fleet;
  const errors = [...sourceErrors, ...outputErrors];
  const names = new Set(fleet.names);
  // To look for what was meant takes long among thousands, and only the first are shown.
  const meant = (name: string) => (errors.length < ERRORS_SHOWN ? didYouMean(name, names) : "");
  const check = (at: string, input: unknown, use?: "node" | "defaults") => {
    const checked = checkSettings(at, input, use);
    errors.push(...checked.errors);
    for (const [index, name] of (checked.settings.after ?? []).entries()) {
      if (!names.has(name))
        errors.push(`${at}.after[${index}]: ${show(name)} is not a node of the fleet${meant(name)}`);
    }
    return checked.settings;
  };

  const flags = check("the command line", overrides);
  const common = check("bungee.defaults", defaults, "defaults");
  for (const name of Object.keys(fromOutput)) {
    if (names.has(name)) continue;
    errors.push(`bungee.${attributePath("nodes", name)}: no such node in ${from}${meant(name)}`);
  }
  const nodes = new Map<string, Node>();
  for (const name of fleet.names) {
    const raw = fleet.nodes.get(name);
    if (raw === undefined) continue;
    const { place = attributePath("nixosConfigurations", name, "config", "bungee") } = raw;
    const outer = Object.hasOwn(fromOutput, name)
      ? check(attributePath("bungee", "nodes", name), fromOutput[name])
      : {};
    const own = check(place, raw.bungee);
    const {
      addresses = [name],
      node = name,
      ...settings
    } = [ofSource, common, raw.settings ?? {}, outer, own, flags].reduce<Settings>(overlay, BUILT_IN) as Filled;
    if (addresses.includes(name) && checkSettings("", { addresses: [name] }).errors.length > 0) {
      errors.push(`${place}.addresses: must be set, since the node's name cannot be an address`);
    }
    errors.push(...tooLong(`${place}.healthChecks`, settings.healthChecks, settings.confirmation.timeout));
    if (node !== name) errors.push(`${place}.node: ${show(node)} is not the name of this node, ${show(name)}`);
    const [first = name, ...others] = addresses;
    const { hostName, chain = [], profile = null } = raw;
    const after = [...new Set([...chain, ...settings.after])];
    nodes.set(name, {
      ...settings,
      name,
      hostName: hostName || null,
      addresses: [first, ...others],
      after,
      profile,
    });
  }
  // Only then: an error in `after` would show up twice.
  const cycle = errors.length === 0 ? cycleIn(nodes) : undefined;
  if (cycle) errors.push(`these nodes wait for each other: ${showCycle(cycle)}; take one of them out of "after"`);
  if (errors.length > 0) throw configurationError(errors);
  return nodes;
}

function showCycle(cycle: readonly string[]): string {
  const names = cycle.map((name) => attributePath(name));
  const shown = names.length > ERRORS_SHOWN ? [...names.slice(0, ERRORS_SHOWN), "…", ...names.slice(-2)] : names;
  return shown.join(" → ");
}

export function configurationError(errors: readonly string[]): ConfigurationError {
  const [only = ""] = errors;
  if (errors.length === 1) return new ConfigurationError(only, { mend: "correct this setting" });
  const left = errors.length - ERRORS_SHOWN;
  const shown = [...errors.slice(0, ERRORS_SHOWN), ...(left > 0 ? [`and ${left} more`] : [])];
  return new ConfigurationError([`${errors.length} settings are wrong:`, ...shown].join("\n  "), {
    mend: "correct these settings",
  });
}

/** `over` wins; groups, labels and health checks are merged by their keys. */
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
