/** Moments in which two of bungee meet on a host: who asks about a run, who closes it, and who begins the next. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { LockedError } from "../../src/errors.ts";
import { skip, untilState } from "../e2e/scene.ts";
import type { Host } from "../lab/host.ts";
import { Runs, TOKEN } from "./runs.ts";

const UNIT = "nixos-rebuild-switch-to-configuration";

/** Puts a script in a program's place, which does something in its time and then is the program. */
function intercept(host: Host, program: string, script: string): void {
  const shim = host.disk.path(`/usr/local/sbin/${program}`);
  mkdirSync(host.disk.path("/usr/local/sbin"), { recursive: true });
  writeFileSync(shim, `#!/bin/sh\n${script}\nexec /usr/bin/${program} "$@"\n`);
  chmodSync(shim, 0o755);
}

test("of two that close a run after a reset, the one that comes too late does not undo the next run", {
  skip,
}, async () => {
  await using runs = await Runs.open("trixie");
  const { scene, host, activator } = runs;
  const cutShort = await scene.deliver("web1", { version: "2" });
  const next = await scene.deliver("web1", { version: "3" });
  // A commit that has touched the boot, and waits.
  const begun = await activator.begin(runs.request(cutShort, { confirmationTimeout: 60 }));
  await runs.follow(begun, "awaiting-confirmation");
  await host.output("systemd-run --quiet --unit=holder flock /nix/var/nix/gc.lock sleep infinity");
  await activator.confirm(begun.run, TOKEN);
  await untilState(host, "committing");
  await host.output(`until [ -e /var/lib/bungee/runs/${begun.run}/boot-touched ]; do sleep 0.05; done`);
  await host.reset();
  await host.waitSsh();

  // Whoever comes first has looked at everything when it stops for a while.
  intercept(
    host,
    "mv",
    `case "$*" in *rolling-back) ! mkdir /root/held 2>/dev/null || until [ -e /root/go ]; do sleep 0.05; done ;; esac`,
  );
  const activatorOfRun = `/var/lib/bungee/runs/${begun.run}/activator`;
  const late = await host.spawn(["sh", activatorOfRun, "status", begun.run]);
  await host.output("until [ -e /root/held ]; do sleep 0.05; done");
  const closed = await activator.status(begun.run);
  assert.deepEqual([closed.state, closed.why], ["rolled-back", "host-reset"]);
  await runs.commit(runs.request(next, { confirmationTimeout: 30 }));
  const after = await host.triple();
  assert.deepEqual([after.running, after.profile, after.bootDefault], [next, next, next]);

  await host.output(": >/root/go");
  const { code, stdout, stderr } = await late.result;
  assert.equal(code, 0, stderr);
  assert.match(stdout, /"state":"rolled-back"/);
  assert.deepEqual(await host.triple(), after);
  await runs.nothingLeft();
});

test("a run whose state is looked at in mid-rename is no run of nobody: its lock holds", { skip }, async () => {
  await using runs = await Runs.open("trixie");
  const { scene, host, activator } = runs;
  const release = await scene.deliver("web1", { version: "2" });
  await runs.snapsBack(runs.request(release, { confirmationTimeout: 60 }), async (status) => {
    await runs.follow(status, "awaiting-confirmation");
    const state = `/var/lib/bungee/runs/${status.run}/state/awaiting-confirmation`;
    await host.output(`systemctl kill --signal=STOP bungee-run-${status.run}.service; mv ${state} /root/state`);
    // Between two looks it is there again.
    intercept(host, "sleep", `[ "$1" != 0.01 ] || mv /root/state ${state} 2>/dev/null || :`);
    await assert.rejects(activator.begin(runs.request(release)), (error) => error instanceof LockedError);
    await host.output(`systemctl kill --signal=CONT bungee-run-${status.run}.service`);
    await activator.abort(status.run, TOKEN);
  });
});

test("killed between turning back and saying why, a run still has a reason", { skip }, async () => {
  await using runs = await Runs.open("trixie");
  const { scene, host } = runs;
  const release = await scene.deliver("web1", { version: "2" });
  intercept(
    host,
    "mv",
    `case "$*" in *rolling-back) if mkdir /root/killed 2>/dev/null; then /usr/bin/mv "$@"; exec kill -KILL $PPID; fi ;; esac`,
  );
  const ended = await runs.snapsBack(runs.request(release));
  assert.deepEqual([ended.why, ended.message], ["killed", "the run was killed on the host"]);
});

test("after a reset in mid-switch, somebody else's switch is waited for and not stopped", { skip }, async () => {
  await using runs = await Runs.open("trixie");
  const { scene, host, activator } = runs;
  const before = await host.triple();
  const preSwitchChecks = { wait: "while [ -e /run/wait ]; do sleep 0.1; done" };
  const release = await scene.deliver("web1", { version: "2", config: { system: { preSwitchChecks } } });
  // The host boots the release and runs what it ran: so after the reset the run has a switch back to make.
  await host.output(`
    nix-env --profile /nix/var/nix/profiles/system --set ${release}
    ${release}/bin/switch-to-configuration boot
    : >/run/wait`);
  const { run } = await activator.begin(runs.request(release, { action: "test" }));
  await host.output(`until systemctl --quiet is-active ${UNIT}; do sleep 0.05; done`);
  await host.reset();
  await host.waitSsh();
  await host.output(`systemd-run --quiet --collect --unit=${UNIT} sh -c 'sleep 3; : >/run/theirs-is-done'`);
  const status = await activator.status(run);
  const ended = await runs.follow(status);
  assert.equal(ended.state, "rolled-back", ended.message ?? "");
  assert.equal(await host.output("ls /run/theirs-is-done"), "/run/theirs-is-done");
  assert.equal((await host.triple()).running, before.running);
  await runs.nothingLeft();
});
