/** What a flake may say of its hosts: wrong types in every field, names nobody expects, depth and length without measure. */
import assert from "node:assert/strict";
import { ConfigurationError, describeError } from "../../src/errors.ts";
import type { Node } from "../../src/fleet/node.ts";
import { predecessors, waves } from "../../src/fleet/order.ts";
import { readSettings } from "../../src/fleet/settings.ts";
import { renderError } from "../../src/report/error.ts";
import { nodesToJson, renderNodes } from "../../src/report/nodes.ts";
import { styleOf } from "../../src/report/style.ts";
import type { Random } from "../chaos/random.ts";
import { hostileText, hostileValue, listOf, mutated, nested, plainWord, toJson } from "./hostile.ts";
import { pure } from "./target.ts";

/** As `nix eval --json` prints it: names, the output `bungee`, and each node's settings in the order of the names. */
type Input = { readonly json: string };
type Attributes = Record<string, unknown>;

const PLAIN_STYLE = styleOf("stdout");

/** Settings as they should be, each now and then. */
function settings(random: Random, names: readonly string[]): Attributes {
  const all: Attributes = {
    addresses: [random.pick(["web1", "10.0.0.1", "fe80::1%eth0", "web1.example.org"])],
    user: "deploy",
    port: 22,
    identityFile: "~/.ssh/id",
    labels: { role: "dns", tier: 1 },
    after: random.chance(50) && names.length > 0 ? [random.pick(names)] : [],
    enable: true,
    build: "local",
    elevation: "auto",
    substituteOnTarget: false,
    activation: { timeout: 240 },
    confirmation: { timeout: 30, retryEvery: 1 },
    rollback: { enable: true },
  };
  return Object.fromEntries(Object.entries(all).filter(() => random.chance(40)));
}

/** The same with something wrong in it: a value, a name, or something more. */
function spoiled(random: Random, good: Attributes): unknown {
  const keys = Object.keys(good);
  switch (random.integer(0, 6)) {
    case 0:
      return hostileValue(random);
    case 1:
    case 2: {
      const key = keys.length > 0 ? random.pick(keys) : "labels";
      const inner = good[key];
      const deeper = isSet(inner) && random.chance(60);
      return { ...good, [key]: deeper ? spoiled(random, inner) : hostileValue(random) };
    }
    case 3:
      return {
        ...good,
        labels: Object.fromEntries(listOf(random, 0, 3, () => [hostileText(random), hostileText(random)])),
      };
    case 4:
      return {
        ...good,
        [keys.length > 0 ? mutated(random, random.pick(keys)) : hostileText(random)]: hostileValue(random),
      };
    case 5:
      return {
        ...good,
        addresses: listOf(random, 0, 3, () => mutated(random, "web1.example")),
        user: mutated(random, "deploy"),
      };
    default:
      return { ...good, after: listOf(random, 0, 3, () => hostileText(random)), identityFile: hostileText(random) };
  }
}

const isSet = (value: unknown): value is Attributes =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function generate(random: Random, number: number): Input {
  if (number % 100 === 0) return { json: toJson(beyondMeasure(random)) };
  const names = [...new Set(listOf(random, 1, 4, () => (random.chance(50) ? plainWord(random) : hostileText(random))))];
  const node = () => (random.chance(60) ? settings(random, names) : spoiled(random, settings(random, names)));
  const output = {
    ...(random.chance(50) ? { defaults: node() } : {}),
    ...(random.chance(50) ? { nodes: Object.fromEntries(names.map((name) => [name, node()])) } : {}),
  };
  return {
    json: toJson({
      names,
      output: random.chance(80) ? output : spoiled(random, output),
      nodes: names.map((name) => [
        name,
        { hostName: random.pick([null, "web1", hostileText(random)]), bungee: node() },
      ]),
    }),
  };
}

function beyondMeasure(random: Random): object {
  const many = (make: (index: number) => unknown) => Array.from({ length: 10_000 }, (_, index) => make(index));
  const one = (bungee: unknown) => ({ names: ["a"], output: {}, nodes: [["a", { hostName: null, bungee }]] });
  const fleet = (bungee: (index: number) => unknown) => ({
    names: many((index) => `node${index}`),
    output: {},
    nodes: many((index) => [`node${index}`, { hostName: null, bungee: bungee(index) }]),
  });
  return random.pick([
    () => one(nested(10_000)),
    () => one({ labels: nested(10_000) }),
    () => one({ labels: { role: nested(10_000) } }),
    () => one({ unknown: nested(10_000) }),
    () => one({ addresses: many((index) => `-${index}`) }),
    () => one({ addresses: many((index) => `host${index}`) }),
    () => one({ after: many((index) => `missing${index}`) }),
    () => one(Object.fromEntries(many((index) => [`unknown${index}`, index]) as [string, number][])),
    () => one({ labels: Object.fromEntries(many((index) => [`a b${index}`, index]) as [string, number][]) }),
    () => one({ ["x".repeat(1_000_000)]: "y".repeat(1_000_000) }),
    () => one({ addresses: ["x".repeat(1_000_000)], user: "y".repeat(1_000_000), after: ["z".repeat(1_000_000)] }),
    () => fleet((index) => ({ after: index === 0 ? [] : [`node${index - 1}`] })),
    () => fleet((index) => ({ after: [`node${(index + 1) % 10_000}`] })),
    () => fleet(() => ({ adresses: ["x"] })),
    () => fleet((index) => ({ after: [`nod${index}`] })),
    () => ({ names: ["a"], output: nested(10_000), nodes: [] }),
    () => ({
      names: ["a"],
      output: { nodes: Object.fromEntries(many((i) => [`x${i}`, {}]) as [string, object][]) },
      nodes: [],
    }),
  ])();
}

/** What no line of a report may hold, wherever it came from. */
const SPEAKS = /[\x00-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]|^::|##\[|##vso\[/;

function check({ json }: Input): void {
  const { names, output, nodes } = JSON.parse(json);
  let fleet: Map<string, Node>;
  try {
    fleet = readSettings({ names, output, nodes: new Map(nodes) });
  } catch (error) {
    assert.ok(
      error instanceof ConfigurationError,
      `not an error of ours: ${error instanceof Error ? error.stack : error}`,
    );
    assert.ok(error.message.length < 20_000, `the message has ${error.message.length} characters`);
    assert.match(error.message, /bungee|wait for each other/, "no field is named");
    const lines = renderError(describeError(error), styleOf("stderr"));
    assert.ok(lines.length < 60, `the error takes ${lines.length} lines`);
    for (const line of lines) assert.ok(!SPEAKS.test(line), `a line speaks to the terminal: ${JSON.stringify(line)}`);
    return;
  }
  for (const [name, node] of fleet) accepted(name, node);
  for (const [name, { bungee }] of nodes as [string, { bungee: Attributes }][]) {
    // Nothing that was said is passed over.
    const labels = Object.keys((bungee?.labels as Attributes | null) ?? {}).filter(
      (key) => (bungee.labels as Attributes)[key] !== null,
    );
    assert.deepEqual(
      labels.filter((key) => !Object.hasOwn(fleet.get(name)!.labels, key)),
      [],
      "labels were lost",
    );
  }
  const order = waves(fleet, fleet.keys());
  assert.equal(order.flat().length, fleet.size);
  const [some] = fleet.keys();
  if (some !== undefined) predecessors(fleet, new Set(fleet.keys()), some);
  const lines = renderNodes([...fleet.values()], order, PLAIN_STYLE);
  assert.equal(lines.length, Math.max(1, fleet.size + (fleet.size > 0 ? 1 : 0)));
  for (const line of lines) assert.ok(!SPEAKS.test(line), `a line speaks to the terminal: ${JSON.stringify(line)}`);
  assert.equal(JSON.parse(nodesToJson([...fleet.values()], order)).nodes.length, fleet.size);
}

/** What passes must be fit for the command lines that it will stand on. */
function accepted(name: string, node: Node): void {
  assert.equal(node.name, name);
  for (const address of node.addresses)
    assert.match(address, /^[^\s\x00-\x20\x7f'"`$\\;&<>|(){}@/,-][^\s\x00-\x20\x7f'"`$\\;&<>|(){}@/,]*$/);
  if (node.user !== undefined) assert.match(node.user, /^\w[\w.@-]*\$?$/);
  if (node.port !== undefined) assert.ok(Number.isInteger(node.port) && node.port > 0 && node.port < 65536);
  if (node.identityFile !== undefined) assert.match(node.identityFile, /^[^-\0][^\0\n]*$/);
  for (const seconds of [node.activation.timeout, node.confirmation.timeout]) {
    assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 86400);
  }
  for (const [key, value] of Object.entries(node.labels))
    assert.match(`${key}=${value}`, /^[^\s+\x00-\x1f=]+=[^\s+\x00-\x1f]*$/);
}

export const settingsTarget = pure<Input>({ name: "settings", share: 1000, generate, check });
