/** The settings of another tool as the flake's output `bungee`, in Nix, for people to put into their flake. Pure. */
import { isDeepStrictEqual } from "node:util";
import { nixString } from "../../nix/command.ts";
import { isSet } from "../fields.ts";
import { NOT_A_DEFAULT, type Settings } from "../schema.ts";
import { attributePath } from "../sentences.ts";
import type { Reading, SourceNode } from "./source.ts";

export interface Migration {
  /** The output that was read. */
  readonly from: string;
  readonly reading: Reading;
  /** Of `nixosConfigurations`, which are bungee's nodes. */
  readonly configurations: readonly string[];
  /** Those to be written down. */
  readonly nodes: readonly string[];
}

type Values = Readonly<Record<string, unknown>>;
interface Written {
  readonly name: string;
  readonly comments: readonly string[];
  readonly settings: Values;
}

/** Lines of a file that holds one attribute set, with what has no equivalent as comments. */
export function migrated(migration: Migration): string[] {
  const { reading, configurations, from } = migration;
  const nodes = migration.nodes.flatMap((name) => reading.nodes.get(name) ?? []);
  const systems = migration.nodes.filter((name) => isSystem(reading.nodes.get(name)));
  const missing = systems.filter((name) => !configurations.includes(name));
  const others = nodes.length < reading.nodes.size ? [] : configurations.filter((name) => !reading.nodes.has(name));
  const { defaults, rest } = shared(
    reading.defaults,
    systems.map((name) => ofNode(name, migration)),
  );
  const written = [
    ...rest,
    ...others.map((name) => ({ name, comments: [`Not in ${from}.`], settings: { enable: false } })),
  ];
  return [
    ...comment(`The settings of ${from}, as bungee's. They stand beside nixosConfigurations, in the flake's outputs.`),
    ...(from === HIVE && missing.length > 0 ? comment("nixosConfigurations = self.colmenaHive.nodes;") : []),
    ...reading.notes.filter(({ node }) => node === null).flatMap(({ message }) => comment(message)),
    ...(reading.notAll === null ? [] : comment(`${reading.notAll}: bungee deploys all where --all says so.`)),
    ...migration.nodes.flatMap((name) => comment(...aboutProfile(name, reading.nodes.get(name)))),
    "{",
    "  bungee = {",
    ...(Object.keys(defaults).length > 0 ? set(["defaults"], defaults, 4) : []),
    "    nodes = {",
    ...written.flatMap(({ name, comments, settings }) => [
      ...comment(...comments).map((line) => `      ${line}`),
      ...set([name], settings, 6),
    ]),
    "    };",
    "  };",
    "}",
  ];
}

/** Its nodes are NixOS configurations themselves. */
const HIVE = "colmenaHive";

const isSystem = (node: SourceNode | undefined) =>
  node !== undefined && (node.profile === null || node.profile.name === "system");

function ofNode(name: string, { reading, configurations, from }: Migration): Written {
  const { settings, keys, notEnabled } = reading.nodes.get(name)!;
  const { addresses = [], labels, ...others } = settings;
  const own = addresses.length === 0 || isDeepStrictEqual(addresses, [name]) ? {} : { addresses };
  const flags = labels && Object.entries(labels).map(([label, value]) => [label, value === "true" ? true : value]);
  const comments = [
    ...(notEnabled === null ? [] : [notEnabled]),
    ...(configurations.includes(name) || from === HIVE
      ? []
      : [`There is no ${attributePath("nixosConfigurations", name)} yet.`]),
    ...reading.notes.flatMap(({ node, message }) => (node === name ? [message] : [])),
    ...(keys.length > 0 ? [`deployment.keys: nothing brings ${keys.join(", ")} to the host.`] : []),
  ];
  return { name, comments, settings: { ...own, ...others, ...(flags ? { labels: Object.fromEntries(flags) } : {}) } };
}

function aboutProfile(name: string, node: SourceNode | undefined): string[] {
  if (!node?.profile || isSystem(node)) return [];
  return [`${name}: bungee's own settings have no profiles besides the system; --schema deploy-rs deploys it.`];
}

/** What is the same for all of them is said once. */
function shared(ofSource: Settings, nodes: readonly Written[]): { defaults: Values; rest: readonly Written[] } {
  const defaults: Record<string, unknown> = { ...ofSource };
  const [first, ...others] = nodes.map(({ settings }) => settings);
  const everywhere = Object.keys(first ?? {}).filter(
    (key) =>
      others.length > 0 &&
      !NOT_A_DEFAULT.includes(key) &&
      others.every((settings) => isDeepStrictEqual(settings[key], first?.[key])),
  );
  for (const key of everywhere) defaults[key] = first?.[key];
  const without = (settings: Values) =>
    Object.fromEntries(Object.entries(settings).filter(([key, value]) => !isDeepStrictEqual(defaults[key], value)));
  return { defaults, rest: nodes.map((node) => ({ ...node, settings: without(node.settings) })) };
}

const comment = (...texts: readonly string[]) =>
  texts.map((text) => `# ${text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, " ")}`);

const WIDTH = 100;

/** `path = value;` as nixfmt writes it; a set of one value is written as a longer path. */
function set(path: readonly string[], value: unknown, indent: number): string[] {
  const pad = " ".repeat(indent);
  const name = path.map((part) => (IDENTIFIER.test(part) ? part : nixString(part))).join(".");
  if (isSet(value)) {
    const entries = Object.entries(value);
    const [only] = entries;
    if (entries.length === 0) return [`${pad}${name} = { };`];
    if (entries.length === 1 && only) return set([...path, only[0]], only[1], indent);
    return [`${pad}${name} = {`, ...entries.flatMap(([key, inner]) => set([key], inner, indent + 2)), `${pad}};`];
  }
  if (!Array.isArray(value)) return [`${pad}${name} = ${literal(value)};`];
  const line = `${pad}${name} = [ ${value.map(literal).join(" ")} ];`;
  if (line.length <= WIDTH) return [line];
  return [`${pad}${name} = [`, ...value.map((each) => `${pad}  ${literal(each)}`), `${pad}];`];
}

/** Not a word of the language either. */
const IDENTIFIER = /^(?!(?:if|then|else|assert|with|let|in|rec|inherit|or)$)[A-Za-z_][A-Za-z0-9_'-]*$/;

const literal = (value: unknown) => (typeof value === "string" ? nixString(value) : JSON.stringify(value));
