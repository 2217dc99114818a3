import assert from "node:assert/strict";
import { test } from "node:test";
import { runLocal } from "../../../src/process.ts";

/** What the style of a stdout that is a pipe does, in an environment of its own. */
async function painted(env: Record<string, string | undefined>): Promise<string> {
  const style = new URL("../../../src/report/style.ts", import.meta.url).href;
  const script = `import { styleOf } from ${JSON.stringify(style)}; process.stdout.write(styleOf("stdout").bad("x"));`;
  const argv = [process.execPath, "--input-type=module", "--no-warnings", "--eval", script] as const;
  const clean = { NO_COLOR: undefined, FORCE_COLOR: undefined, TF_BUILD: undefined, NODE_TEST_CONTEXT: undefined };
  return (await runLocal({ argv: [...argv] }, { env: { ...clean, ...env } })).stdout;
}

test("a pipe gets no colours", async () => assert.equal(await painted({}), "x"));
test("FORCE_COLOR colours", async () => assert.equal(await painted({ FORCE_COLOR: "1" }), "\u001b[31mx\u001b[39m"));
test("FORCE_COLOR=0 does not", async () => assert.equal(await painted({ FORCE_COLOR: "0" }), "x"));
test("NO_COLOR takes colours from CI, too", async () => {
  const azure = { TF_BUILD: "1", AGENT_NAME: "agent" };
  assert.equal(await painted(azure), "\u001b[31mx\u001b[39m");
  assert.equal(await painted({ ...azure, NO_COLOR: "1" }), "x");
});
test("FORCE_COLOR is the stronger of both, as in Node", async () => {
  assert.equal(await painted({ NO_COLOR: "1", FORCE_COLOR: "1" }), "\u001b[31mx\u001b[39m");
});
