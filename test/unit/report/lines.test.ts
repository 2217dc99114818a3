import assert from "node:assert/strict";
import { test } from "node:test";
import { linesReporter } from "../../../src/report/lines.ts";
import { makeStyle } from "../../../src/report/style.ts";
import { capture } from "./capture.ts";
import { at, good, hostile, interrupted, mixed, plan } from "./events.ts";

const shown = async (events: Parameters<typeof capture>[1], options = {}) =>
  (await capture(linesReporter, events, options)).split("\n");

test("a good deploy of three hosts", async () => {
  assert.deepEqual(await shown(good()), [
    "    0.0s  bungee  switch on 3 hosts: web1, web2, db1",
    "    0.1s  web1    connecting",
    "    0.1s  web2    connecting",
    "    0.1s  db1     connecting",
    "    0.4s  web1    connection took 0.3 s: 10.77.0.1",
    "    0.4s  web2    connection took 0.3 s: 10.77.0.1",
    "    0.4s  db1     connection took 0.3 s: 10.77.0.1",
    "    1.0s  web1    copying",
    "    1.0s  web2    copying",
    "    1.0s  db1     copying",
    "    7.5s  web1    copying: 7.0 MiB of 8.0 MiB, 1.0 MiB/s",
    "    7.5s  web2    copying: 7.0 MiB of 8.0 MiB, 1.0 MiB/s",
    "    7.5s  db1     copying: 7.0 MiB of 8.0 MiB, 1.0 MiB/s",
    "    8.0s  web1    copy took 7.0 s: 8.0 MiB",
    "    8.0s  web1    activating",
    "    8.0s  web2    copy took 7.0 s: 8.0 MiB",
    "    8.0s  web2    activating",
    "    8.0s  db1     copy took 7.0 s: 8.0 MiB",
    "    8.0s  db1     activating",
    "    8.5s  web1    │ restarting the following units: nginx.service",
    "    8.5s  web2    │ restarting the following units: nginx.service",
    "    8.5s  db1     │ restarting the following units: nginx.service",
    "    9.0s  web1    activation took 1.0 s",
    "    9.0s  web2    activation took 1.0 s",
    "    9.0s  db1     activation took 1.0 s",
    "    9.5s  web1    confirmed after 9.4 s: runs and boots nixos-system-web1-25.05 (0123456)",
    "    9.5s  web2    confirmed after 9.4 s: runs and boots nixos-system-web2-25.05 (0123456)",
    "    9.5s  db1     confirmed after 9.4 s: runs and boots nixos-system-db1-25.05 (0123456)",
    "",
    "web1  confirmed  9.4 s  runs and boots nixos-system-web1-25.05 (0123456)",
    "web2  confirmed  9.4 s  runs and boots nixos-system-web2-25.05 (0123456)",
    "db1   confirmed  9.4 s  runs and boots nixos-system-db1-25.05 (0123456)",
    "",
    "3 hosts in 9.6 s: 3 confirmed",
    "",
  ]);
});

test("one goes back, one was never reached", async () => {
  assert.deepEqual(await shown(mixed()), [
    "    0.0s  bungee  switch on 3 hosts: web1, web2, db1",
    "    0.1s  db1     connecting",
    "    1.1s  db1     connection failed after 1.0 s: cannot reach db1: 10.77.0.13 port 22: connection refused",
    "    1.1s  db1     failed after 1.0 s: cannot reach db1: 10.77.0.13 port 22: connection refused",
    "    2.0s  web2    activating",
    "    2.5s  web2    │ stopping the following units: network-lab.service",
    "    3.0s  web2    activation took 1.0 s",
    "    3.0s  web2    confirming",
    "   20.0s  web1    confirmed after 19.0 s: runs and boots nixos-system-web1-25.05 (0123456)",
    "   33.0s  web2    confirmation took 30.0 s",
    "   33.0s  web2    rolling back",
    "   35.0s  web2    rollback took 2.0 s",
    "   35.0s  web2    snapped back: no confirmation came within 30 s",
    "   36.0s  web2    rolled back after 35.0 s: no confirmation came within 30 s",
    "",
    "web1  confirmed    19.0 s  runs and boots nixos-system-web1-25.05 (0123456)",
    "db1   failed        1.0 s  cannot reach db1: 10.77.0.13 port 22: connection refused",
    "    what the host runs and boots was not touched",
    "    mend: is it on? try: ssh 10.77.0.13",
    "web2  rolled back  35.0 s  no confirmation came within 30 s",
    "    runs again what it ran before, seen over a fresh connection: /nix/store/zyxwvsrqpnmlkjihgfdcba9876543210-nixos-system-web2-24.11",
    "    mend: the new system could not be reached or was not well: look at its network, firewall, sshd, keys and sudo rules",
    "",
    "3 hosts in 36.1 s: 1 confirmed, 1 failed, 1 rolled back",
    "exit 1: not every host is as wanted; each is in a known good state",
    "",
  ]);
});

test("interrupted", async () => {
  assert.deepEqual(await shown(interrupted()), [
    "    0.0s  bungee  switch on 2 hosts: web1, web2",
    "    0.1s  web1    activating",
    "    0.9s  bungee  Ctrl-C: nothing new is started; web1 is being finished. Once more leaves at once.",
    "    0.9s  web2    skipped: interrupted before it began",
    "    2.0s  web1    activation took 1.9 s",
    "    2.5s  web1    confirmed after 2.4 s: runs and boots nixos-system-web1-25.05 (0123456)",
    "",
    "web1  confirmed  2.4 s  runs and boots nixos-system-web1-25.05 (0123456)",
    "web2  skipped           interrupted before it began",
    "",
    "2 hosts in 2.6 s: 1 confirmed, 1 skipped",
    "exit 130: interrupted; each host is in a known good state",
    "",
  ]);
});

test("a host's log plays no tricks, and a host nobody can ask is unknown", async () => {
  assert.deepEqual(await shown(hostile()), [
    "    0.0s  bungee  switch on 1 host: web1",
    "    0.0s  web1    activating",
    "    0.0s  web1    │ red and a link",
    "    0.0s  web1    │ : :error file=app.js::you have been had",
    "    0.0s  web1    │ x # #[group]y # #vso[task.setvariable]z # #teamcity[a]",
    "    0.0s  web1    │ harmless␍rm -rf /␈␈␀␡",
    "    0.0s  web1    │ user�gnp.exe �hidden�next",
    "    0.0s  web1    │ tab    here, grüße, 世界, 👍🏽",
    "    0.0s  web1    │",
    "    5.0s  web1    unknown after 5.0 s: the host has not answered since the run was committing",
    "",
    "web1  unknown  5.0 s  the host has not answered since the run was committing",
    "    last seen: run d1-1 was committing",
    "    look at it yourself: ssh root@10.77.0.11 sudo tail -n 50 /var/lib/bungee/runs/d1-1/log",
    "    mend: look at the host as soon as it can be reached; unconfirmed, it goes back by itself",
    "",
    "1 host in 5.0 s: 1 unknown",
    "exit 3: a person must look at web1",
    "",
  ]);
});

test("the plan stands node by node", async () => {
  const lines = await shown(at([[0, { type: "planned", plan }]]));
  assert.deepEqual(lines, [
    "    0.0s  web1    plan: switch  nixos-system-web1-25.05 (0123456)",
    "    0.0s  web1      replaces nixos-system-web1-24.11 (zyxwvsr)",
    "    0.0s  web1      │ nginx: 1.26.1 → 1.26.2, +12.0 KiB",
    "    0.0s  web1      │ openssl: 3.0.14 → 3.0.15",
    "    0.0s  web1      needs a reboot: its kernel, initrd or modules change",
    "    0.0s  web1      warning: units that fail already: nginx.service",
    "    0.0s  db1     plan: skip  it is disabled (bungee.enable = false)",
    "    0.0s  db2     plan: failed  cannot reach db2: 10.77.0.14 port 22: connection refused",
    "    0.0s  bungee  unchanged: web2",
    "    0.0s  bungee  order: 1. db1  then  2. web1, web2",
    "    0.0s  bungee  plan: 1 to deploy, 1 unchanged, 1 to skip, 1 failed",
    "",
  ]);
});

test("a failing stage shows what the tool behind it said", async () => {
  const error = {
    code: "build",
    message: "the system does not build",
    mend: "see the log",
    detail: "a\n::b",
    node: "w",
  };
  const events = at([[0, { type: "stage-failed", node: "w", stage: "build", ms: 60_000, error }]]);
  assert.deepEqual(await shown(events), [
    "    0.0s  w       build failed after 1 min 0 s: w: the system does not build",
    "    0.0s  w         │ a",
    "    0.0s  w         │ : :b",
    "",
  ]);
});

test("what nix says of details is for --verbose", async () => {
  const events = at([
    [0, { type: "log", node: null, source: "nix", line: "warning: Git tree is dirty" }],
    [1500, { type: "log", node: "web1", source: "nix", line: "building…", verbose: true }],
  ]);
  const warning = "    0.0s  bungee  nix │ warning: Git tree is dirty";
  assert.deepEqual(await shown(events), [warning, ""]);
  assert.deepEqual(await shown(events, { verbose: true }), [warning, "    1.5s  web1    nix │ building…", ""]);
});

test("progress is told every five seconds, with the speed since then", async () => {
  const events = at(
    Array.from({ length: 1201 }, (_, index) => [
      index * 10,
      { type: "stage-progress", node: "web1", stage: "copy", done: index * 1024, total: null },
    ]),
  );
  assert.deepEqual(await shown(events), [
    "    5.0s  web1    copying: 500.0 KiB, 100.0 KiB/s",
    "   10.0s  web1    copying: 1000.0 KiB, 100.0 KiB/s",
    "",
  ]);
});

test("in colour", async () => {
  const lines = await shown(mixed().slice(0, 4), { style: makeStyle(1) });
  assert.equal(
    lines[3],
    "\u001b[2m    1.1s\u001b[22m  \u001b[1mdb1   \u001b[22m  \u001b[31mfailed\u001b[39m after 1.0 s: cannot reach db1: 10.77.0.13 port 22: connection refused",
  );
});
