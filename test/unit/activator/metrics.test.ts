/** What is taken for a host's metrics, and what is not, whoever is at the other end. */
import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { FAMILIES, parseMetrics, readMetrics } from "../../../src/activator/metrics.ts";
import type { Connection } from "../../../src/host/connection.ts";
import { quote } from "../../../src/host/quote.ts";
import { runLocal } from "../../../src/process.ts";

const answer = (...lines: string[]) => ["# BEGIN", ...lines, "# EOF", ""].join("\n");
const GOOD = 'nixos_current_generation{host="web1"} 3';

describe("parseMetrics", () => {
  it("takes what the script says, behind whatever a login shell printed", () => {
    const read = parseMetrics(`Welcome!\n# BEGIN\nnot this\n${answer("# HELP x y", "# TYPE x gauge", GOOD)}`);
    assert.deepEqual(read, [{ name: "nixos_current_generation", labels: { host: "web1" }, value: 3 }]);
  });

  it("reads labels back as they were", () => {
    const [read] = parseMetrics(
      answer('nixos_system_info{host="a\\"b\\\\n",version="x\\ny",kernel="{,}=",system=""} 1'),
    )!;
    assert.deepEqual(read!.labels, { host: 'a"b\\n', version: "x\ny", kernel: "{,}=", system: "" });
  });

  const wrong: Readonly<Record<string, string>> = {
    nothing: "",
    "no end": `# BEGIN\n${GOOD}\n`,
    "no beginning": `${GOOD}\n# EOF\n`,
    "an end before the beginning": `# EOF\n${GOOD}\n# BEGIN\n`,
    "no figures": answer("# HELP x y"),
    "a figure of no host": answer('nixos_current_generation{state="x"} 3'),
    "a figure that there is not": answer('node_load1{host="web1"} 3'),
    "a figure of bungee's own": answer('bungee_host_up{host="web1"} 1'),
    "a label that there is not": answer('nixos_current_generation{host="web1",node="web2"} 3'),
    "a label twice": answer('nixos_current_generation{host="web1",host="web2"} 3'),
    "a figure twice": answer(GOOD, GOOD),
    "no number": answer('nixos_current_generation{host="web1"} NaN'),
    "a number that is too long": answer(`nixos_current_generation{host="web1"} ${"9".repeat(400)}`),
    "a timestamp": answer(`${GOOD} 1234567890`),
    "an escape that there is not": answer('nixos_current_generation{host="\\x"} 3'),
    "a label without an end": answer('nixos_current_generation{host="web1} 3'),
    "a label too long": answer(`nixos_current_generation{host="${"a".repeat(2000)}"} 3`),
    "another line": answer(GOOD, "rm -rf /"),
    "a line break of another kind": answer(`${GOOD}\r`),
  };
  for (const [what, text] of Object.entries(wrong))
    it(`does not take ${what}`, () => assert.equal(parseMetrics(text), undefined));

  it("is done at once with a megabyte of nothing", () => {
    const began = performance.now();
    parseMetrics(answer(`nixos_current_generation{${'host="a",'.repeat(100_000)}`));
    parseMetrics(answer(`nixos_current_generation{host="${"\\".repeat(999_999)}"} 1`));
    assert.ok(performance.now() - began < 20_000);
  });
});

const here = (run: Connection["run"]): Connection => ({
  node: "here",
  address: "here",
  user: "root",
  silenceMs: 20_000,
  lost: new AbortController().signal,
  run,
  open: () => Promise.reject(new Error("nobody needs a channel")),
  close: () => Promise.resolve(),
});

test("this machine is asked by the script itself, behind a login shell that talks", async () => {
  const samples = await readMetrics(
    here(({ argv, stdin = "" }) => runLocal({ argv: ["/bin/sh", "-c", `printf hello; ${quote(argv)}`], stdin })),
  );
  const names = new Set(samples.map(({ name }) => name));
  for (const name of ["nixos_current_generation", "nixos_reboot_required", "bungee_lock_held"])
    assert.ok(names.has(name), name);
  const order = [...names].map((name) => FAMILIES.findIndex((family) => family.name === name));
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
});

test("a gate, a failure and nonsense are errors that say so", async () => {
  const gate = '{"protocol":1,"error":"restricted","message":"this login only lets bungee deploy"}\n';
  const ends = (code: number, stdout: string) =>
    readMetrics(here(async () => ({ code, signal: null, stdout, stderr: "" })));
  await assert.rejects(ends(65, gate), { code: "refused", reason: "restricted" });
  const words: string[] = [];
  const behindGate = here(async ({ argv }) => {
    words.push(argv.join(" "));
    const ours = argv[0] === "bungee-activator";
    return {
      code: ours ? 0 : 65,
      signal: null,
      stdout: ours ? `${answer(GOOD)}{"protocol":2,"lines":3}\n` : gate,
      stderr: "",
    };
  });
  assert.equal((await readMetrics(behindGate))[0]!.value, 3);
  assert.equal(words.at(-1), "bungee-activator metrics");
  await assert.rejects(ends(1, answer(GOOD)), { code: "protocol" });
  await assert.rejects(ends(0, "hello\n"), { code: "protocol" });
});
