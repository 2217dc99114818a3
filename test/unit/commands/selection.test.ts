import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { choose, chooseOrAsk } from "../../../src/commands/selection.ts";
import { EvaluationError, InterruptedError } from "../../../src/errors.ts";
import type { Fleet } from "../../../src/fleet/fleet.ts";
import { readSettings } from "../../../src/fleet/settings.ts";
import { type FakeStreams, fakeStreams } from "./streams.ts";

/** What openFleet gives, as far as choosing looks at it. */
function fleetOf(named: string | null = null): Fleet {
  const settings = {
    db1: { labels: { role: "db" } },
    web1: { labels: { role: "web" } },
    old: { enable: false },
  };
  const raw = Object.entries(settings).map(([name, bungee]) => [name, { hostName: name, bungee }] as const);
  const nodes = readSettings({ names: Object.keys(settings), output: {}, nodes: new Map(raw) });
  const broken = new Map([["bad", new EvaluationError("bad does not evaluate", { mend: "mend it" })]]);
  const readable = [...nodes.values()].map(({ name, labels, enable }) => ({ name, labels, enable }));
  const candidates = [...readable, { name: "bad", labels: null, enable: true }];
  return { named, nodes, broken, candidates } as unknown as Fleet;
}

const names = ({ nodes, broken }: ReturnType<typeof choose>) => ({
  nodes: nodes.map(({ name }) => name),
  broken: [...broken.keys()],
});

test("by name, by label, and everybody that is enabled", () => {
  assert.deepEqual(names(choose(fleetOf(), { selectors: ["web1"], all: false })), { nodes: ["web1"], broken: [] });
  assert.deepEqual(names(choose(fleetOf(), { selectors: [], all: true })), { nodes: ["db1", "web1"], broken: ["bad"] });
});

test("a node that cannot be read is told where a label may have meant it", () => {
  assert.deepEqual(names(choose(fleetOf(), { selectors: ["role=db"], all: false })), {
    nodes: ["db1"],
    broken: ["bad"],
  });
});

test("the flake's fragment chooses where nothing else does", () => {
  assert.deepEqual(names(choose(fleetOf("web1"), { selectors: [], all: false })), { nodes: ["web1"], broken: [] });
});

async function asked(type: (streams: FakeStreams) => void) {
  const streams = fakeStreams({ terminal: true });
  const chosen = chooseOrAsk(fleetOf(), { selectors: [], all: false }, streams);
  type(streams);
  return { streams, chosen: await chosen };
}

test("asked: numbers of the list, which has only those that can be deployed", async () => {
  const { streams, chosen } = await asked((streams) => streams.type("2\n"));
  assert.deepEqual(names(chosen), { nodes: ["web1"], broken: [] });
  assert.match(
    stripVTControlCharacters(streams.said),
    /^ {2}1 {2}db1 {3}db1 {3}role=db\n {2}2 {2}web1 {2}web1 {2}role=web\nWhich hosts\?/,
  );
  assert.ok(!streams.said.includes("old"));
});

test("asked: a slip is told, and asked again", async () => {
  const { streams, chosen } = await asked((streams) => {
    streams.type("wob1\n");
    // The next question is put after the answer to the first one was read.
    setTimeout(() => streams.type("all\n"), 100);
  });
  assert.deepEqual(names(chosen), { nodes: ["db1", "web1"], broken: ["bad"] });
  assert.match(streams.said, /wob1 matches no node; did you mean web1\?/);
});

test("asked: nothing, Ctrl-C and Ctrl-D leave", async () => {
  for (const type of ["\n", "\u0003", "\u0004"]) {
    await assert.rejects(
      asked((streams) => streams.type(type)),
      InterruptedError,
    );
  }
});

test("nobody is asked where something was said", async () => {
  const streams = fakeStreams({ terminal: true });
  assert.deepEqual(names(await chooseOrAsk(fleetOf(), { selectors: ["db1"], all: false }, streams)).nodes, ["db1"]);
  assert.equal(streams.said, "");
});
