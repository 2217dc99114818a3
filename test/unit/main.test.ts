/** The bin as a process: what it prints where, and its exit codes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Finished, runLocal } from "../../src/process.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

const bungee = (args: readonly string[], env: Record<string, string> = {}): Promise<Finished> =>
  runLocal({ argv: [process.execPath, MAIN, ...args] }, { env: { FORCE_COLOR: undefined, NO_COLOR: "1", ...env } });

test("help goes to stdout and is a success; nothing at all is a mistake", async () => {
  const help = await bungee(["--help"]);
  assert.deepEqual([help.code, help.stderr], [0, ""]);
  assert.match(help.stdout, /^Usage: bungee <command>/);
  const nothing = await bungee([]);
  assert.deepEqual([nothing.code, nothing.stdout, nothing.stderr], [2, "", help.stdout]);
});

test("a mistake is one error that says how to mend it, exit 2, before anything is read", async () => {
  const { code, stdout, stderr } = await bungee(["deploy", "web1", "--parallel", "0", "--flake", "/does/not/exist"]);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.equal(stderr, "error: --parallel is 0\n  mend: give a whole number of hosts, 1 to 1000\n");
});

test("without a selector and without a terminal, --all is named", async () => {
  const { code, stderr } = await bungee(["deploy"]);
  assert.equal(code, 2);
  assert.equal(
    stderr,
    "error: no host is chosen, and there is no terminal to ask at\n  mend: name hosts or labels, or say --all\n",
  );
});

test("a tool that is missing is told, and programs are told too", async () => {
  const { code, stdout, stderr } = await bungee(["deploy", "--all", "--report", "json"], { PATH: "/nowhere" });
  assert.equal(code, 2);
  assert.match(stderr, /^error: cannot run nix: .*\n {2}mend: install nix, or put it on PATH\n$/);
  const event = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
  assert.deepEqual(
    [event.version, event.type, event.exitCode, event.error.code],
    [1, "command-failed", 2, "missing-tool"],
  );
});

test("who reads the output may leave", async () => {
  const script = `'${process.execPath}' '${MAIN}' --help | true; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = await runLocal({ argv: ["bash", "-c", script] });
  assert.deepEqual([stdout, stderr], ["0\n", ""]);
});
