/** Hosts that are asked again and again: the slow ones hold nobody up, and nobody is asked twice at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UnreachableError } from "../../../src/errors.ts";
import { readSettings } from "../../../src/fleet/settings.ts";
import type { Connect, Connection } from "../../../src/host/connection.ts";
import { Secrets } from "../../../src/host/secrets.ts";
import { Watch } from "../../../src/run/watch.ts";

const told = (host: string, generation: number) =>
  `# BEGIN\nnixos_current_generation{host="${host}"} ${generation}\n# EOF\n`;

/** Hosts by name: what each says when it is asked for the n-th time. */
type Hosts = Readonly<Record<string, (asked: number, signal: AbortSignal) => Promise<string>>>;

class Fleet {
  readonly connects: string[] = [];
  atOnce = 0;
  most = 0;
  readonly #hosts: Hosts;

  constructor(hosts: Hosts) {
    this.#hosts = hosts;
  }

  connect: Connect = async ({ node }) => {
    this.connects.push(node);
    const lost = new AbortController();
    let asked = 0;
    const connection: Connection = {
      node,
      address: node,
      user: "root",
      silenceMs: 20_000,
      lost: lost.signal,
      run: async (_, { signal } = {}) => {
        this.most = Math.max(this.most, ++this.atOnce);
        try {
          return { code: 0, signal: null, stderr: "", stdout: await this.#hosts[node]!(++asked, signal!) };
        } finally {
          this.atOnce--;
        }
      },
      open: () => Promise.reject(new Error("nobody needs a channel")),
      close: async () => lost.abort(new Error("closed")),
    };
    return connection;
  };

  watch({ parallel = 10, limit = 60 } = {}): Watch {
    const names = Object.keys(this.#hosts);
    const nodes = readSettings({
      names,
      output: {},
      nodes: new Map(names.map((name) => [name, { hostName: null, bungee: {} }])),
    });
    return new Watch([...nodes.values()], { connect: this.connect, secrets: new Secrets(), parallel, limit });
  }
}

const generations = (readings: Awaited<ReturnType<Watch["collect"]>>) =>
  Object.fromEntries(readings.map(({ node, samples }) => [node, samples?.[0]?.value ?? null]));

test("a slow host is waited for no longer than said, and told of with what it said before", async () => {
  let answer = () => {};
  const fleet = new Fleet({
    quick: async (asked) => told("quick", asked),
    slow: async (asked) => {
      if (asked === 2) await new Promise<void>((resolve) => (answer = resolve));
      return told("slow", asked);
    },
  });
  await using watch = fleet.watch();
  assert.deepEqual(generations(await watch.collect(60)), { quick: 1, slow: 1 });
  assert.deepEqual(generations(await watch.collect(0.2)), { quick: 2, slow: 1 });
  assert.deepEqual(generations(await watch.collect(0.2)), { quick: 3, slow: 1 }, "it is not asked again meanwhile");
  answer();
  assert.deepEqual(generations(await watch.collect(60)), { quick: 4, slow: 2 });
  assert.deepEqual(generations(await watch.collect(60)), { quick: 5, slow: 3 });
  assert.deepEqual(fleet.connects, ["quick", "slow"], "one connection each, for all of it");
});

test("two that collect at once ask each host once, and no more hosts at a time than said", async () => {
  const names = ["a", "b", "c", "d", "e"];
  const fleet = new Fleet(
    Object.fromEntries(
      names.map((name) => [
        name,
        async (asked: number) => {
          await new Promise((resolve) => setTimeout(resolve, 50));
          return told(name, asked);
        },
      ]),
    ),
  );
  await using watch = fleet.watch({ parallel: 2 });
  const both = await Promise.all([watch.collect(60), watch.collect(60)]);
  for (const readings of both) assert.deepEqual(generations(readings), { a: 1, b: 1, c: 1, d: 1, e: 1 });
  assert.equal(fleet.most, 2);
});

test("a host that is down takes nothing with it, and is asked over a new connection when it is back", async () => {
  let down = false;
  const fleet = new Fleet({
    fine: async (asked) => told("fine", asked),
    odd: async (asked) => {
      if (down) throw new UnreachableError("cannot reach odd", { mend: "switch it on" });
      return told("odd", asked);
    },
  });
  await using watch = fleet.watch();
  await watch.collect(60);
  down = true;
  const readings = await watch.collect(60);
  assert.deepEqual(generations(readings), { fine: 2, odd: null }, "what it said before is old now");
  assert.deepEqual(
    readings.map(({ why }) => why?.code),
    [undefined, "unreachable"],
  );
  down = false;
  assert.deepEqual(generations(await watch.collect(60)), { fine: 3, odd: 1 });
  assert.deepEqual(fleet.connects, ["fine", "odd", "odd"]);
});

test("a host that says nothing is given up when its time is over; one that has not been through yet has no reading", async () => {
  const fleet = new Fleet({
    dead: (_, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
  });
  await using watch = fleet.watch({ limit: 0.3 });
  assert.deepEqual(await watch.collect(0), []);
  const [reading] = await watch.collect(60);
  assert.deepEqual([reading?.samples, reading?.why?.code], [null, "unreachable"]);
  assert.match(reading!.why!.message, /dead: no answer within 0\.3 s/);
});
