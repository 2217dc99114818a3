import assert from "node:assert/strict";
import { test } from "node:test";
import { refuseByReading, tellNotes } from "../../../src/commands/open-fleet.ts";
import type { Chosen } from "../../../src/commands/selection.ts";
import { ConfigurationError, UsageError } from "../../../src/errors.ts";
import type { Fleet } from "../../../src/fleet/fleet.ts";
import type { EventBody } from "../../../src/run/events.ts";

const NAMES = Array.from({ length: 9 }, (_, index) => `web${index}`);

/** As far as it is looked at: every host has a note, the first two have keys. */
const fleet = (notAll: string | null = null) =>
  ({
    notes: [{ node: null, message: "of the fleet" }, ...NAMES.map((node) => ({ node, message: "no such thing" }))],
    reading: {
      notAll,
      nodes: new Map(NAMES.map((name, index) => [name, { keys: index < 2 ? ["acme", "db"] : [] }])),
    },
  }) as unknown as Fleet;

const chosen = (names: readonly string[], all = false) =>
  ({ nodes: names.map((name) => ({ name })), broken: new Map(), all }) as unknown as Chosen;

const told = (names: readonly string[]) => {
  const events: EventBody[] = [];
  tellNotes(fleet(), chosen(names), (event) => events.push(event));
  return events.map((event) => (event.type === "notice" && event.level === "warning" ? event.message : event.type));
};

const refusal = (fleet: Fleet, chosen: Chosen, terms: Partial<Parameters<typeof refuseByReading>[2]> = {}) => {
  try {
    refuseByReading(fleet, chosen, { action: "switch", dryRun: false, keys: true, ...terms });
    return null;
  } catch (error) {
    return error;
  }
};

test("a note is told once for all that have it, of chosen hosts only", () => {
  assert.deepEqual(told(["web3", "web5"]), ["web3, web5: no such thing"]);
  assert.deepEqual(told(NAMES.slice(2)), ["web2, web3, web4, web5, web6, web7 and 1 more: no such thing"]);
  assert.deepEqual(told(["web1"]), [
    "web1: no such thing",
    "web1: deployment.keys: bungee does not bring acme, db to the host",
  ]);
});

test("hosts whose keys nobody brings are refused by name, unless somebody says so or nothing is activated", () => {
  const error = refusal(fleet(), chosen(["web0", "web1", "web2"]));
  assert.ok(error instanceof ConfigurationError);
  assert.match(error.message, /: web0 \(acme, db\), web1 \(acme, db\)$/);
  assert.match(error.mend, /--no-keys/);
  for (const action of ["test", "boot"] as const) assert.ok(refusal(fleet(), chosen(["web0"]), { action }));
  for (const action of ["build", "stage", "dry-activate"] as const)
    assert.equal(refusal(fleet(), chosen(["web0"]), { action }), null);
  assert.equal(refusal(fleet(), chosen(["web0"]), { keys: false }), null);
  assert.equal(refusal(fleet(), chosen(["web0"]), { dryRun: true }), null);
  assert.equal(refusal(fleet(), chosen(["web2"])), null);
});

test("all at once is refused where the hive says so", () => {
  const hive = fleet("meta.allowApplyAll is false");
  const error = refusal(hive, chosen(["web2"], true));
  assert.ok(error instanceof UsageError);
  assert.match(error.message, /^meta\.allowApplyAll is false: all hosts at once may not be deployed$/);
  assert.equal(refusal(hive, chosen(["web2"])), null);
  assert.equal(refusal(hive, chosen(["web2"], true), { action: "build" }), null);
  assert.equal(refusal(fleet(), chosen(["web2"], true)), null);
});
