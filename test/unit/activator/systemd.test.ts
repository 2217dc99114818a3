/** Hosts have systemd 250 and newer (NixOS 22.05), and the lab 252 and 257: what came later would be found by the first old host. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SCRIPT } from "../../../src/activator/script.ts";

/** As the manual pages of systemd 250 have them. `--kill-whom` was `--kill-who` before 252. */
const KNOWN = [
  ...["all", "no-block", "no-legend", "now", "plain", "property", "quiet", "runtime", "signal", "state", "value"],
  ...["collect", "gid", "on-active", "on-unit-inactive", "pipe", "service-type", "setenv", "timer-property", "uid"],
  ...["unit", "wait", "working-directory"],
];
/** Of a transient unit: `--property=NAME=…`. */
const PROPERTIES = [
  ...["ActiveState", "AccuracySec", "After", "BindsTo", "ExecStopPost", "LoadState", "OnFailure"],
  ...["Restart", "RestartSec", "RuntimeMaxSec", "StandardError", "StandardOutput", "StartLimitIntervalSec"],
  ...["TimeoutStopSec", "WorkingDirectory"],
];

const METRICS = readFileSync(join(import.meta.dirname, "../../../src/activator/metrics.sh"), "utf8");

test("systemd is told nothing that systemd 250 does not know", () => {
  // A command that goes on in the next line is one.
  const lines = `${SCRIPT}\n${METRICS}`.replaceAll("\\\n", " ").split("\n");
  const commands = lines.flatMap((line) => line.match(/\b(?:systemctl|systemd-run) [^;&|)#]*/g) ?? []);
  assert.ok(commands.length >= 15, `only ${commands.length} commands were found`);
  for (const command of commands) {
    const [ours] = command.split(" -- ");
    for (const [, option] of ours!.matchAll(/ --([a-z-]+)/g)) assert.ok(KNOWN.includes(option!), command);
    for (const [, property] of ours!.matchAll(/property=([A-Za-z]+)/g))
      assert.ok(PROPERTIES.includes(property!), command);
  }
});
