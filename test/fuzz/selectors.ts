/** Selectors over fleets of any names and labels: nodes are chosen, or one error is told. */
import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { type Candidate, select } from "../../src/fleet/select.ts";
import type { Random } from "../chaos/random.ts";
import { hostileText, listOf, mutated, plainWord } from "./hostile.ts";
import { pure } from "./target.ts";

interface Input {
  readonly fleet: readonly Candidate[];
  readonly selectors: readonly string[];
  readonly all: boolean;
}

function generate(random: Random): Input {
  const name = () => (random.chance(60) ? plainWord(random) : hostileText(random).slice(0, 300));
  const names = [...new Set(listOf(random, 0, 8, name))];
  const labels = () => Object.fromEntries(listOf(random, 0, 3, () => [name(), name()]));
  const fleet = names.map((name) => ({ name, labels: random.chance(85) ? labels() : null, enable: random.chance(85) }));
  return { fleet, selectors: listOf(random, 0, 5, () => selector(random, fleet)), all: random.chance(25) };
}

function selector(random: Random, fleet: readonly Candidate[]): string {
  const some = fleet.length > 0 ? random.pick(fleet) : undefined;
  const [label] = Object.entries(some?.labels ?? { role: "dns" });
  switch (random.integer(0, 6)) {
    case 0:
      return some?.name ?? "*";
    case 1:
      return `!${some?.name ?? "x"}`;
    case 2:
      return label?.join("=") ?? "role=dns";
    case 3:
      return `${random.pick(["*", "?", "[a-z]", "[z-a]", "[", "[]", "[^a]", "*a*a*a*a*a*a*a*a*a*a*a*a*b", "{1,9999999}", "(a+)+$"])}${mutated(random, some?.name ?? "x")}`;
    case 4:
      return `${label?.[0]}=${random.pick(["*", "?*", "[0-9]", "", "="])}+${some?.name ?? "*"}`;
    default:
      return hostileText(random);
  }
}

function check({ fleet, selectors, all }: Input): void {
  for (const { name, enable } of fleet) {
    // Whatever a name looks like, it names its node. A pattern that it also is does not count.
    if (enable) assert.deepEqual(select(fleet, [name]).names, [name]);
  }
  try {
    const { names, undecided } = select(fleet, selectors, all);
    const enabled = fleet.filter(({ enable }) => enable).map(({ name }) => name);
    assert.ok(names.length > 0, "nothing was chosen, and no error told");
    assert.equal(new Set([...names, ...undecided]).size, names.length + undecided.length, "a node stands there twice");
    for (const name of [...names, ...undecided])
      assert.ok(enabled.includes(name), `${name} is disabled, or no node at all`);
  } catch (error) {
    assert.ok(error instanceof UsageError, `not an error of ours: ${error instanceof Error ? error.stack : error}`);
    assert.equal(typeof error.mend, "string");
  }
}

export const selectors = pure<Input>({ name: "selectors", share: 3000, generate, check });
