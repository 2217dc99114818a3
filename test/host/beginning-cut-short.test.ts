/** What is left where a beginning or an end was cut short: by a power loss, or by a full disk. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RefusedError } from "../../src/errors.ts";
import { skip, untilQuiet } from "../e2e/scene.ts";
import { Runs } from "./runs.ts";

test("half a run is no run: nobody waits for it, and the next run sweeps it", { skip }, async () => {
  await using runs = await Runs.open("trixie");
  const { scene, host, activator } = runs;
  const release = await scene.deliver("web1", { version: "2" });
  // What a reset leaves of a run's directory while it is filled.
  await host.output("mkdir -p /var/lib/bungee/runs/.cut-short/state; echo 99999 >/var/lib/bungee/runs/.cut-short/pid");
  await assert.rejects(
    activator.status("cut-short"),
    (error) => error instanceof RefusedError && error.reason === "no-such-run",
  );
  const ended = await runs.snapsBack(runs.request(release));
  assert.equal(await host.output("ls -A /var/lib/bungee/runs"), ended.run);
  // Of a run that somebody took away by hand there is only the lock, or what a disk has left of it.
  for (const left of ["true", "mkdir -p /var/lib/bungee/runs/gone/state"]) {
    await host.output(`ln -s runs/gone /var/lib/bungee/current; ${left}`);
    assert.equal((await activator.facts()).lock?.run, "gone");
    await runs.snapsBack(runs.request(release));
  }
});

test("on a full disk the history still gets its line, whole", { skip }, async () => {
  await using runs = await Runs.open("trixie");
  const { scene, host, activator } = runs;
  const release = await scene.deliver("web1", { version: "2" });
  const status = await activator.begin(runs.request(release, { confirmationTimeout: 4 }));
  await runs.follow(status, "awaiting-confirmation");
  await host.fillDisk(0);
  const ended = await runs.follow(status);
  await host.freeDisk();
  // The line comes after the final state.
  await untilQuiet(host);
  assert.ok(["rolled-back", "rollback-failed"].includes(ended.state), ended.state);
  const lines = (await host.output("cat /var/lib/bungee/history")).split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ run, state }) => [run, state]),
    [[ended.run, ended.state]],
  );
});

test("a disk that is full refuses the run, and nothing of the trial stays", { skip }, async () => {
  await using runs = await Runs.open("trixie");
  const { scene, host, activator } = runs;
  const release = await scene.deliver("web1", { version: "2" });
  await host.fillDisk(0);
  await assert.rejects(
    activator.begin(runs.request(release)),
    (error) => error instanceof RefusedError && error.reason === "state-directory",
  );
  await host.freeDisk();
  assert.equal(await host.output("ls -A /var/lib/bungee"), "runs");
});
