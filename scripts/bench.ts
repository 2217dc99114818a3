/**
 * `npm run bench`: how fast bungee is against what a person would script, measured in the lab; each number beside what it should be.
 *
 *     npm run bench                     a table
 *     npm run bench -- --json           and, as the last line, one JSON object of the results
 *     npm run bench -- --turns 5        the medians of five measurements on either side (default: 3)
 */
import { parseArgs } from "node:util";
import { enter } from "../test/lab/enter.ts";
import { LabError } from "../test/lab/exec.ts";
import { sandboxCgroup } from "../test/lab/sandbox.ts";
import { benchCopy } from "./bench/copy.ts";
import { benchSnapBack } from "./bench/snap-back.ts";
import { benchStart } from "./bench/start.ts";
import { type Measurement, renderTable, toJson } from "./bench/table.ts";
import { benchTenHosts } from "./bench/ten-hosts.ts";

const NOTES = `
Both sides take turns, and the medians count. They share this machine's processors with the hosts.
plain: what a person would script, host after host: nix build, nix copy to ssh-ng, ssh nix-env --set, ssh
switch-to-configuration switch; as root, with known host keys. In the ten hosts a changed unit takes 1 s to start.
Copies: from before the login to the last byte; neither side compresses.
bungee --version: from the sources; plain is node without what it compiled before.
Snap back: from the new system's failing exit, all of it in place, until the host has found the old one running.`;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { json: { type: "boolean" }, turns: { type: "string", default: "3" } } });
  const turns = Number(values.turns);
  if (!(Number.isInteger(turns) && turns > 0))
    throw new LabError(`--turns takes a number of turns, not ${values.turns}`);
  // In the sandbox this file runs once more.
  if (!sandboxCgroup()) return enter([process.execPath, import.meta.filename, ...process.argv.slice(2)]);

  const measurements: Measurement[] = [];
  for (const [what, part] of Object.entries({
    "ten hosts": benchTenHosts,
    copies: benchCopy,
    "snap back": benchSnapBack,
    "a start": benchStart,
  })) {
    console.error(`measuring: ${what}`);
    measurements.push(...(await part(turns)));
  }
  console.log(`${renderTable(measurements)}\n${NOTES}`);
  if (values.json) console.log(toJson(measurements));
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
