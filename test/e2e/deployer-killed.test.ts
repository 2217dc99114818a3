/** 3. kill -9 of the deployer in every state of a run: the host ends rolled back or committed, and the next deploy works at once. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { SystemSpec } from "../systems/fleet.ts";
import { Scene, skip, untilQuiet, untilState } from "./scene.ts";

/** Seven deployments at once may keep a machine busy. */
const PATIENT = { bungee: { confirmation: { timeout: 60 } } };
const slowBootStep = { standin: { faults: { "boot-loader": "sleep 3" } } };

/** At which state the deployer dies, on what system, and where the host must end. */
const MOMENTS: readonly { state: string; spec: SystemSpec; ends: "rolled-back" | "committed" | "untouched" }[] = [
  { state: "copying", spec: { payloadKiB: 200_000 }, ends: "untouched" },
  { state: "beginning", spec: { behaviour: "slow", arguments: { seconds: 3 } }, ends: "rolled-back" },
  { state: "activating", spec: { behaviour: "slow", arguments: { seconds: 8 } }, ends: "rolled-back" },
  {
    state: "awaiting-confirmation",
    spec: { behaviour: "interrupts-network", arguments: { seconds: 3 } },
    ends: "rolled-back",
  },
  { state: "confirmed", spec: { config: slowBootStep, ...PATIENT }, ends: "committed" },
  { state: "committing", spec: { config: slowBootStep, ...PATIENT }, ends: "committed" },
  { state: "rolling-back", spec: { behaviour: "exits-after" }, ends: "rolled-back" },
];

describe("P2: the deployer is killed", { skip }, () => {
  test("in every state of a run", { concurrency: true }, async (t) => {
    const names = MOMENTS.map((_, index) => `web${index + 1}`);
    await using scene = await Scene.open({ hosts: names });
    await Promise.all(
      MOMENTS.map(({ state, spec, ends }, index) =>
        t.test(`while ${state}: ${ends}`, async () => {
          const host = scene.host(names[index]!);
          const before = await host.triple();
          const directory = await flakeOfItsOwn(scene, host.name, { version: "2", ...spec });
          const running = scene.start("deploy", host.name, "--flake", directory, "--report", "json");
          // Some states are too short to be caught in; then it dies in the next one.
          if (state === "copying")
            await host.output(
              "for i in $(seq 1 3000); do ls /nix/store | grep -q 'payload.*lock' && exit 0; sleep 0.02; done; exit 1",
            );
          else if (state === "beginning") await untilState(host, "beginning", "activating");
          else if (state === "confirmed") await untilState(host, "confirmed", "committing");
          else await untilState(host, state);
          // Killed while it follows the log, and not while the run's beginning is still on its way to it.
          while (state === "activating" && running.alive && !running.stdout.includes('"source":"activation"')) {
            await pause(20);
          }
          assert.ok(await running.kill("SIGKILL"));
          await running.result;

          await untilQuiet(host);
          const now = await host.triple();
          if (ends === "committed") {
            assert.notEqual(now.running, before.running);
            assert.deepEqual([now.profile, now.bootDefault], [now.running, now.running]);
          } else {
            assert.deepEqual(now, before);
          }
          if (ends !== "untouched") {
            const history = (await host.output("cat /var/lib/bungee/history"))
              .split("\n")
              .map((line) => JSON.parse(line));
            assert.deepEqual(
              history.map((run) => run.state),
              [ends],
            );
          }
          const again = await flakeOfItsOwn(scene, host.name, { version: "3", ...PATIENT });
          const next = scene.start("deploy", host.name, "--flake", again, "--report", "lines");
          next.child.stdin?.end();
          const { code, stdout } = await next.result;
          assert.equal(code, 0, stdout);
          assert.equal(await host.output("cat /run/app/version"), "3");
        }),
      ),
    );
  });
});

/** Tests that run side by side on one deployer must not write into each other's fleet. */
async function flakeOfItsOwn(scene: Scene, name: string, spec: SystemSpec): Promise<string> {
  const directory = `/root/fleet-${name}-${spec.version}`;
  await scene.write({ [name]: spec }, directory);
  return directory;
}
