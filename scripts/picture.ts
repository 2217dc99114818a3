/** `npm run picture`: draws docs/picture.svg, a real run of the demo's two deploys: a good one, and one that snaps back. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { enter } from "../test/lab/enter.ts";
import { LabError } from "../test/lab/exec.ts";
import { sandboxCgroup } from "../test/lab/sandbox.ts";
import { checkout } from "../test/lab/workstation.ts";
import { type Change, mistake, upgrade } from "./demo/changes.ts";
import { DIRECTORY, Example } from "./demo/example.ts";
import { svgOf } from "./terminal-svg.ts";

const FILE = join(checkout, "docs", "picture.svg");
const COLUMNS = 96;
const PROMPT = "\x1b[32m~/fleet $\x1b[39m";

async function picture(): Promise<string> {
  await using example = await Example.open();
  const good = await capture(example, upgrade(example), 0);
  const bad = await capture(example, mistake(example), 1);
  return svgOf(`${good}\n${bad}`, { title: "bungee", columns: COLUMNS });
}

/** All that a terminal shows of a deploy, from the prompt on. */
async function capture(example: Example, { what, command }: Change, exitCode: number): Promise<string> {
  const line = command.join(" ");
  const inTerminal = [
    "script",
    "--quiet",
    "--return",
    "--command",
    `stty columns ${COLUMNS} rows 50; ${line}`,
    "/dev/null",
  ];
  const { code, stdout } = await example.workstation.run(inTerminal, {
    cwd: DIRECTORY,
    env: { TERM: "xterm-256color" },
  });
  if (code !== exitCode) throw new LabError(`${line} ended with ${code}, not ${exitCode}: ${stdout}`);
  return `${PROMPT} \x1b[2m# ${what}\x1b[22m\n${PROMPT} ${line}\n${stdout}`;
}

try {
  // In the sandbox this file runs once more; the checkout is the same there.
  if (sandboxCgroup()) writeFileSync(FILE, await picture());
  else process.exitCode = await enter([process.execPath, import.meta.filename]);
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  console.error(`picture: ${error.message}`);
  process.exitCode = 1;
}
