/** 4. Power loss of the host in every state of a run: the old system boots before the commit, the new one after it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SystemSpec } from "../systems/fleet.ts";
import { finish, Scene, skip, untilState } from "./scene.ts";

const bootStep = (script: string): SystemSpec => ({ config: { standin: { faults: { "boot-loader": script } } } });
const bootStepDone = (script: string): SystemSpec => ({
  config: { standin: { faults: { "boot-loader-done": script } } },
});

const MOMENTS: readonly { state: string; when: string; spec: SystemSpec; ends: "old" | "new" }[] = [
  { state: "activating", when: "activating", spec: { behaviour: "slow", arguments: { seconds: 5 } }, ends: "old" },
  { state: "awaiting-confirmation", when: "awaiting confirmation", spec: { behaviour: "cuts-network" }, ends: "old" },
  { state: "rolling-back", when: "rolling back", spec: { behaviour: "exits-after" }, ends: "old" },
  {
    state: "committing",
    when: "committing, the profile set and the boot menu not",
    spec: bootStep("sleep 10"),
    ends: "old",
  },
  {
    state: "committing",
    when: "committing, the boot menu written",
    spec: bootStepDone(": >/run/menu-written; sleep 10"),
    ends: "new",
  },
];

describe("P4: the host loses its power", { skip }, () => {
  test("in every state of a run", { concurrency: true }, async (t) => {
    const names = MOMENTS.map((_, index) => `web${index + 1}`);
    await using scene = await Scene.open({ hosts: names });
    await Promise.all(
      MOMENTS.map(({ state, when, spec, ends }, index) =>
        t.test(`while ${when}: boots the ${ends} system`, async () => {
          const host = scene.host(names[index]!);
          const before = await host.triple();
          const directory = `/root/fleet-${host.name}`;
          await scene.write({ [host.name]: { version: "2", ...spec } }, directory);
          const running = scene.start("deploy", host.name, "--flake", directory, "--report", "json");
          await untilState(host, state);
          // Long enough for the boot step to be reached, short enough to be inside of it.
          if (state === "committing") await host.output(COMMITTING[ends]);
          await host.reset();
          await host.waitSsh();
          const deployed = await finish(running);

          const outcome = deployed.outcomes[host.name];
          const now = await host.triple();
          if (ends === "old") {
            assert.equal(outcome?.kind, "rolled-back", deployed.stdout);
            assert.deepEqual(
              [now.running, now.profile, now.bootDefault],
              [before.running, before.profile, before.bootDefault],
            );
            assert.equal(deployed.code, 1);
          } else {
            assert.equal(outcome?.kind, "confirmed", deployed.stdout);
            assert.notEqual(now.running, before.running);
            assert.deepEqual([now.profile, now.bootDefault], [now.running, now.running]);
            assert.equal(deployed.code, 0);
          }
          assert.equal(
            await host.output("ls /var/lib/bungee /nix/var/nix/gcroots/bungee | grep -c current || true"),
            "0",
          );
        }),
      ),
    );
  });

  test("with the deployer gone too, the run that is left behind is closed by the next one", async () => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    const host = scene.host("web1");
    const before = await host.triple();
    await scene.write({ web1: { version: "2", behaviour: "slow", arguments: { seconds: 5 } } });
    const running = scene.start("deploy", "web1", "--report", "json");
    await untilState(host, "activating");
    await running.kill("SIGKILL");
    await host.reset();
    await host.waitSsh();
    assert.equal((await host.triple()).running, before.running);
    assert.equal(await host.output("readlink /var/lib/bungee/current | wc -l"), "1");
    await scene.write({ web1: { version: "3" } });
    const next = await scene.deploy("web1");
    assert.equal(next.code, 0, next.stdout);
    const history = (await host.output("cat /var/lib/bungee/history")).split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(
      history.map(({ state, why }) => [state, why]),
      [
        ["rolled-back", "host-reset"],
        ["committed", null],
      ],
    );
  });
});

const COMMITTING = {
  old: "for i in $(seq 1 200); do [ -e /nix/var/nix/profiles/system-2-link ] && exit 0; sleep 0.05; done; exit 1",
  new: "for i in $(seq 1 200); do [ -e /run/menu-written ] && exit 0; sleep 0.05; done; exit 1",
};
