import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { MissingToolError } from "../../src/errors.ts";
import { runLocal } from "../../src/process.ts";

const sh = (script: string) => ({ argv: ["sh", "-c", script] }) as const;

test("a failing exit code is a result, with both outputs", async () => {
  const finished = await runLocal(sh("echo out; echo err >&2; exit 3"));
  assert.deepEqual(finished, { code: 3, signal: null, stdout: "out\n", stderr: "err\n" });
});

test("a signal is told apart from an exit code", async () => {
  const { code, signal } = await runLocal(sh("kill -KILL $$"));
  assert.deepEqual([code, signal], [null, "SIGKILL"]);
});

test("standard input arrives whole, and a child that does not read it is no error", async () => {
  const megabytes = "x".repeat(3 * 1024 * 1024);
  assert.equal((await runLocal({ ...sh("wc -c"), stdin: megabytes })).stdout.trim(), String(megabytes.length));
  assert.equal((await runLocal({ ...sh("exit 0"), stdin: megabytes })).code, 0);
});

test("of much output the end is kept", async () => {
  const { stdout } = await runLocal(sh("seq 1 100000"), { keep: 10 });
  assert.equal(stdout, "99\n100000\n".slice(-10));
});

test("a program that is not there is named, with the mend", async () => {
  await assert.rejects(
    runLocal({ argv: ["bungee-no-such-program"] }),
    (error) =>
      error instanceof MissingToolError && /bungee-no-such-program/.test(error.message) && /PATH/.test(error.mend),
  );
});

test("words are not read by any shell", async () => {
  const words = ["$(id)", "a b", "'", '"', "`id`", "*", "\\", "", "-n", "ü\n"];
  const { stdout } = await runLocal({ argv: ["printf", "[%s]", ...words] });
  assert.equal(stdout, words.map((word) => `[${word}]`).join(""));
});

test("an abort ends the command and its children, and rejects with its reason", async () => {
  const controller = new AbortController();
  let grandchild = 0;
  const running = runLocal(sh("sleep 1000 & echo $!; wait"), {
    signal: controller.signal,
    onStdout: (chunk) => {
      grandchild = Number(chunk.toString());
    },
  });
  while (grandchild === 0) await pause(5);
  const why = new Error("enough");
  controller.abort(why);
  await assert.rejects(running, why);
  for (let tries = 0; isAlive(grandchild); tries++) {
    assert.ok(tries < 500, "the grandchild is still there");
    await pause(20);
  }
});

test("no child outlives a bungee that leaves at once", async () => {
  const module = join(import.meta.dirname, "..", "..", "src", "process.ts");
  const script = `
    const { runLocal } = await import(${JSON.stringify(module)});
    runLocal({ argv: ["sh", "-c", "sleep 1000 & echo $!; wait"] }, {
      onStdout: (chunk) => process.stdout.write(chunk, () => process.exit(130)),
    });`;
  const { code, stdout } = await runLocal({ argv: [process.execPath, "--input-type=module", "--eval", script] });
  assert.equal(code, 130);
  for (let tries = 0; isAlive(Number(stdout)); tries++) {
    assert.ok(tries < 500, "the grandchild is still there");
    await pause(20);
  }
});

test("a child has a moment to end what it has started itself, and no more than that", async () => {
  const module = join(import.meta.dirname, "..", "..", "src", "process.ts");
  // As a builder of nix: in a session of its own, which no signal to the group reaches. The other one does not care.
  const careful = "trap 'sleep 0.05; kill $!; exit' TERM; setsid sleep 1000 & echo $!; wait";
  const stubborn = "trap '' TERM; sleep 1000 & echo $!; wait";
  const script = `
    const { runLocal } = await import(${JSON.stringify(module)});
    let told = 0;
    const onStdout = (chunk) => process.stdout.write(chunk, () => ++told === 2 && process.exit(130));
    for (const script of ${JSON.stringify([careful, stubborn])}) runLocal({ argv: ["sh", "-c", script] }, { onStdout });`;
  const { code, stdout } = await runLocal({ argv: [process.execPath, "--input-type=module", "--eval", script] });
  assert.equal(code, 130);
  const pids = stdout.trim().split("\n").map(Number);
  assert.equal(pids.length, 2);
  for (let tries = 0; pids.some(isAlive); tries++) {
    assert.ok(tries < 500, "a grandchild is still there");
    await pause(20);
  }
});

/** Gone from the process table. */
function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}
