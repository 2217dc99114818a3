/** Each system that breaks a host on purpose: it does break it, as it says, and switching back to the old system mends that. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "../lab/host.ts";
import { type Lab, openLab } from "../lab/lab.ts";
import { type Release, releases } from "../lab/rootfs.ts";
import { needsSandbox } from "../lab/sandbox.ts";
import { type Behaviour, behaviours, type SystemSpec } from "./fleet.ts";
import { type Action, buildOn, changes, install, stateOf, switchTo } from "./on-host.ts";

interface Case {
  readonly arguments?: (lab: Lab) => SystemSpec["arguments"];
  /** Default: test. */
  readonly action?: Action;
  /** Exit code of the switch. Default: 0. */
  readonly code?: number;
  readonly says?: RegExp;
  /** Shows that the host is broken in just this way. `system` is the breaking one, `old` the one before. */
  readonly broken: (on: { host: Host; lab: Lab; system: string; old: string }) => Promise<void>;
}

const unreachable = (host: Host) => assert.rejects(host.waitSsh(400), /does not answer/);
const state = (host: Host, unit: string) => host.output(`systemctl show --property ActiveState --value ${unit}`);
const version = (host: Host) => host.output("cat /run/app/version");
const isRunning = async (host: Host, system: string) => assert.equal((await host.triple()).running, system);

const cases: Partial<Record<Behaviour, Case>> = {
  ordinary: { broken: async ({ host }) => assert.equal(await version(host), "2") },
  "cuts-network": { broken: ({ host }) => unreachable(host) },
  "drops-packets": { broken: ({ host }) => unreachable(host) },
  "changes-address": {
    arguments: (lab) => ({ address: `10.77.${lab.number}.200` }),
    broken: async ({ host, lab }) => {
      await unreachable(host);
      await host.waitSsh(60_000, `10.77.${lab.number}.200`);
    },
  },
  "interrupts-network": {
    // Away for long enough that a busy machine still finds it so.
    arguments: () => ({ seconds: 5 }),
    broken: async ({ host }) => {
      await unreachable(host);
      await host.waitSsh();
    },
  },
  "stops-sshd": {
    broken: ({ host }) => unreachable(host),
    says: /stopping the following units: app.service, ssh.service/,
  },
  "restarts-sshd": {
    says: /^restarting the following units: ssh.service$/m,
    broken: ({ host }) => host.waitSsh(),
  },
  "removes-key": {
    broken: async ({ host }) => {
      for (const user of ["root", "deploy"]) {
        const { code, stderr } = await host.ssh("true", { user });
        assert.equal(code, 255);
        assert.match(stderr, /Permission denied/);
      }
    },
  },
  "refuses-sudo": {
    broken: async ({ host }) => {
      assert.equal((await host.ssh("true", { user: "deploy" })).code, 0);
      assert.notEqual((await host.ssh("sudo -n true", { user: "deploy" })).code, 0);
    },
  },
  slow: {
    arguments: () => ({ seconds: 1 }),
    broken: ({ host, system }) => isRunning(host, system),
  },
  "exits-before": {
    code: 1,
    says: /Pre-switch check 'refuse' failed/,
    broken: async ({ host, old }) => {
      await isRunning(host, old);
      assert.equal(await version(host), "1");
    },
  },
  "exits-midway": {
    code: 1,
    says: /^stopping the following units: app.service\nError: Failed to process dbus messages$/m,
    broken: async ({ host, old }) => {
      await isRunning(host, old);
      assert.equal(await state(host, "app"), "inactive");
    },
  },
  "exits-after": { code: 1, broken: async ({ host }) => assert.equal(await version(host), "2") },
  "fails-to-activate": {
    code: 2,
    says: /Activation script snippet 'fail' failed \(1\)\n.*Failed to run activate script/s,
    broken: async ({ host, system }) => {
      await isRunning(host, system);
      assert.equal(await version(host), "2");
    },
  },
  "fails-to-reload": { code: 3, broken: ({ host, system }) => isRunning(host, system) },
  "leaves-unit-failed": {
    code: 4,
    says: /warning: the following units failed: broken.service/,
    broken: async ({ host }) => assert.equal(await state(host, "broken"), "failed"),
  },
  "unit-dies-later": {
    // Later than the switch ends on a machine that is busy with other tests.
    arguments: () => ({ seconds: 5 }),
    broken: async ({ host }) => {
      while ((await state(host, "short-lived")) === "active") await sleep(200);
      assert.equal(await state(host, "short-lived"), "failed");
    },
  },
  killed: {
    code: 137,
    broken: async ({ host, old }) => {
      await isRunning(host, old);
      assert.equal(await state(host, "app"), "inactive");
    },
  },
  "kills-everything": {
    code: 137,
    broken: async ({ host }) => assert.notEqual(await state(host, "bystander"), "active"),
  },
  "fills-disk": {
    code: 2,
    says: /No space left on device/,
    broken: async ({ host }) => {
      assert.equal((await host.output("df --output=avail / | tail -n 1")).trim(), "0");
      assert.notEqual((await host.run("echo more >/var/lib/more")).code, 0);
      await host.output("rm -f /var/lib/more");
    },
  },
  "fails-boot-step": {
    action: "switch",
    code: 1,
    broken: async ({ host, old }) => {
      await isRunning(host, old);
      assert.equal(host.bootDefault(), old);
    },
  },
  "fails-after-boot-step": {
    action: "switch",
    code: 1,
    broken: async ({ host, old, system }) => {
      await isRunning(host, old);
      assert.equal(host.bootDefault(), system);
    },
  },
  "new-kernel": {
    broken: ({ host }) => host.output("! cmp -s /run/booted-system/kernel /run/current-system/kernel").then(() => {}),
  },
  "new-init": {
    action: "switch",
    code: 100,
    says: /won't take effect until you reboot/,
    broken: async ({ host, old, system }) => {
      await isRunning(host, old);
      assert.equal(host.bootDefault(), system);
    },
  },
  "other-host": {
    broken: async ({ host }) => assert.equal(await host.output("cat /etc/hostname"), "somebody-else"),
  },
};
/** Those whose switch does not come back. */
const hanging = ["hangs", "hangs-in-unit"] as const;
const others: readonly Behaviour[] = ["resets", "not-nixos", "fails-to-build", "fails-to-evaluate"];

it("has a case for every behaviour, and fleet.ts knows all that behaviours.nix has", async () => {
  assert.deepEqual([...Object.keys(cases), ...hanging, ...others].sort(), [...behaviours].sort());
  const nix = await readFile(join(import.meta.dirname, "behaviours.nix"), "utf8");
  const defined = [...nix.matchAll(/^ {2}([a-z-]+) =(?: _:|\n {4}\{)/gm)].map(([, name]) => name);
  assert.deepEqual(defined.sort(), [...behaviours].sort());
});

describe("systems that break a host", { ...needsSandbox, concurrency: releases.length }, () => {
  for (const release of releases) describe(release, { concurrency: 1 }, () => breaksAndMends(release));
});

function breaksAndMends(release: Release): void {
  let lab: Lab;
  let host: Host;
  let systems: Record<Behaviour | "old", string>;
  const built = behaviours.filter((behaviour) => behaviour !== "fails-to-build" && behaviour !== "fails-to-evaluate");

  before(async () => {
    lab = await openLab();
    // A small disk is soon full.
    host = await lab.host("web1", { release, size: 192 * 2 ** 20 }).up();
    const specs = built.map((behaviour) => {
      const given = cases[behaviour]?.arguments?.(lab);
      return [behaviour, { hostName: "web1", version: "2", behaviour, ...(given ? { arguments: given } : {}) }];
    });
    const nodes = { old: { hostName: "web1" }, ...Object.fromEntries(specs) };
    systems = await buildOn<Behaviour | "old">(host, nodes);
    await install(host, systems.old);
    // The boot from it is what makes the booted system known, and the network-lab of the base system forgotten.
    await host.reboot();
    await host.waitSsh();
    await host.output("systemctl is-system-running --wait");
  });
  after(() => lab?.close());

  /** Back to the old system, as the activator goes: running system, then profile and boot entry. */
  async function mend(): Promise<void> {
    const back = await switchTo(host, systems.old, "test");
    assert.equal(back.code, 0, back.stderr);
    await host.output(["nix-env", "--profile", "/nix/var/nix/profiles/system", "--set", systems.old]);
    assert.equal((await switchTo(host, systems.old, "boot")).code, 0);
    await host.waitSsh();
    assert.equal((await host.ssh("sudo -n true", { user: "deploy" })).code, 0);
  }

  for (const [behaviour, expected] of Object.entries(cases) as [Behaviour, Case][]) {
    it(behaviour, { timeout: 120_000 }, async () => {
      const recorded = await stateOf(host);
      const system = systems[behaviour];
      const action = expected.action ?? "test";
      if (action === "switch") {
        await host.output(["nix-env", "--profile", "/nix/var/nix/profiles/system", "--set", system]);
      }
      const result = await switchTo(host, system, action);
      assert.equal(result.code, expected.code ?? 0, result.stderr);
      if (expected.says) assert.match(result.stderr, expected.says);
      await expected.broken({ host, lab, system, old: systems.old });
      await mend();
      assert.deepEqual(changes(recorded, await stateOf(host)), []);
    });
  }

  for (const behaviour of hanging) {
    it(behaviour, { timeout: 120_000 }, async () => {
      const recorded = await stateOf(host);
      const unit = "nixos-rebuild-switch-to-configuration";
      const script = `${systems[behaviour]}/bin/switch-to-configuration`;
      await host.output(["systemd-run", "--quiet", "--collect", `--unit=${unit}`, script, "test"]);
      await sleep(1000);
      assert.equal(await state(host, unit), "active");
      assert.equal((await switchTo(host, systems.old, "test")).code, 11, "it holds the lock");
      await host.output(["systemctl", "stop", unit]);
      await mend();
      assert.deepEqual(changes(recorded, await stateOf(host)), []);
    });
  }

  it("resets", { timeout: 120_000 }, async () => {
    const recorded = await stateOf(host);
    const boots = host.boots;
    await switchTo(host, systems.resets, "test");
    while (host.boots === boots) await sleep(20);
    await host.waitSsh();
    assert.equal(host.boots, boots + 1);
    await host.output("systemctl is-system-running --wait");
    assert.deepEqual(changes(recorded, await stateOf(host)), []);
  });

  it("not-nixos", async () => {
    assert.notEqual((await host.run(`test -e ${systems["not-nixos"]}/bin/switch-to-configuration`)).code, 0);
  });

  for (const [behaviour, complaint] of [
    ["fails-to-build", /this builder always fails/],
    ["fails-to-evaluate", /this system cannot be evaluated/],
  ] as const) {
    it(behaviour, { timeout: 120_000 }, async () => {
      await assert.rejects(buildOn(host, { web1: { behaviour } }), complaint);
    });
  }
}
