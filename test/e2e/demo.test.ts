/** What a newcomer sees first: `npm run demo` as it is, without a terminal. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { exec } from "../lab/exec.ts";
import { checkout } from "../lab/workstation.ts";
import { skip } from "./scene.ts";

test("the demo deploys three hosts, and shows one snap back", { skip }, async () => {
  const { code, stdout, stderr } = await exec([process.execPath, join(checkout, "scripts", "demo.ts")]);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^3 hosts in .*: 3 confirmed$/m);
  assert.match(stdout, /^web2 +rolled back .* nobody confirmed within 5 s/m);
  const answers = stdout.matchAll(/^\$ ssh web2 'cat \/run\/web'\n(.*)$/gm);
  assert.deepEqual(
    [...answers].map(([, answer]) => answer),
    ["web2 serves version 2", "web2 serves version 2"],
  );
  const systems = [...stdout.matchAll(/^ +web2 .* runs and boots (\S+)$/gm)].map(([, system]) => system);
  assert.equal(systems.length, 2);
  assert.notEqual(systems[0], systems[1], "it runs what the first deploy brought");
});
