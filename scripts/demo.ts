/**
 * `npm run demo`: three hosts get a new system by `bungee deploy`; then one is sent a system that cuts its own network, and snaps back.
 * Everything is real (systemd, sshd, nix), and nothing of it stays. Exit 0 only when the hosts ended as the demo says.
 */
import { enter } from "../test/lab/enter.ts";
import { LabError } from "../test/lab/exec.ts";
import { sandboxCgroup } from "../test/lab/sandbox.ts";
import { mistake, upgrade } from "./demo/changes.ts";
import { Example } from "./demo/example.ts";
import { assertCameBack, assertUpgraded, NotSo } from "./demo/proof.ts";
import { say, showDeploy, showSsh, showSystems, step } from "./demo/show.ts";

async function demo(): Promise<void> {
  step("Three hosts are switched on, each with its own systemd, sshd, nix, disk and address, all inside this machine.");
  await using example = await Example.open();
  const installed = await example.states();
  showSystems(example, installed);

  step("The fleet's flake (a copy of examples/fleet) is changed, and one command brings the change to all hosts.");
  const good = await showDeploy(example, upgrade(example));
  const upgraded = await example.states();
  assertUpgraded(good, installed, upgraded);
  await showSsh(example, "web2", "cat /run/web");

  step("Now a mistake: a typo in web2's address. nix builds it gladly, and once it is active nobody can reach web2.");
  say("Nobody can tell web2 to go back, then. It goes back by itself, because nobody confirms that it landed well.");
  const bad = await showDeploy(example, mistake(example));

  step("web2 answers again: it runs the system from before the mistake, and a power cut would boot that one too.");
  await showSsh(example, "web2", "cat /run/web");
  const after = await example.states();
  showSystems(example, { web2: after.web2 });
  assertCameBack(bad, upgraded, after);

  step("How to go on: README.md, and `npm run lab -- --help` to break hosts by hand. Nothing of the demo is left.");
}

try {
  if (sandboxCgroup()) {
    await demo();
  } else {
    // In the sandbox this file runs once more.
    process.exitCode = await enter([process.execPath, import.meta.filename]);
  }
} catch (error) {
  if (!(error instanceof LabError || error instanceof NotSo)) throw error;
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
}
