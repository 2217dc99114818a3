/**
 * 8. A reboot on the way: the new system is started once, and becomes the boot default when it was confirmed. Unconfirmed, the
 * host boots its old system again.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Host } from "../lab/host.ts";
import type { State } from "../lab/state.ts";
import type { SystemSpec } from "../systems/fleet.ts";
import { type Deployment, finish, Scene, skip, untilQuiet, untilState } from "./scene.ts";

interface Case {
  readonly first?: SystemSpec;
  readonly spec: SystemSpec;
  readonly words: readonly string[];
  readonly prepare?: (host: Host) => Promise<void>;
  /** What happens to the host meanwhile. */
  readonly disturb?: (host: Host, boots: number) => Promise<void>;
  readonly check: (seen: Seen) => void | Promise<void>;
}

interface Seen {
  readonly host: Host;
  readonly before: State;
  readonly now: State;
  readonly boots: number;
  readonly deployment: Deployment;
}

const kernel = (version: string, more: Readonly<Record<string, unknown>> = {}) => ({
  config: { standin: { kernel: version, ...more } },
});
const grub = { bootLoader: "grub" };
const BOOT = ["--action", "boot", "--reboot"];

const isNew = ({ host, before, now, deployment }: Seen) => {
  const outcome = deployment.outcomes[host.name];
  assert.equal(outcome?.kind, "confirmed", deployment.stdout);
  assert.notEqual(now.running, before.running);
  assert.deepEqual([now.profile, now.bootDefault], [now.running, now.running]);
  assert.equal(deployment.code, 0);
};
const wasRebooted = (seen: Seen) => {
  isNew(seen);
  assert.equal(seen.boots, 1);
  assert.equal(seen.now.booted, seen.now.running);
  const outcome = seen.deployment.outcomes[seen.host.name];
  assert.ok(outcome?.kind === "confirmed" && outcome.rebooted);
  assert.ok(seen.deployment.events.some((event) => event.type === "stage-finished" && event.stage === "reboot"));
};
const isBack = (why: string, boots: number) => (seen: Seen) => {
  const outcome = seen.deployment.outcomes[seen.host.name];
  assert.ok(outcome?.kind === "rolled-back", seen.deployment.stdout);
  assert.equal(outcome.why.code, why);
  assert.deepEqual([outcome.doubts, outcome.verified], [[], true]);
  assert.deepEqual({ ...seen.now, booted: null }, { ...seen.before, booted: null });
  assert.equal(seen.now.booted, seen.before.running);
  assert.equal(seen.boots, boots);
  assert.equal(seen.deployment.code, 1);
};
const isRefused = (reason: RegExp) => (seen: Seen) => {
  const outcome = seen.deployment.outcomes[seen.host.name];
  assert.ok(outcome?.kind === "failed", seen.deployment.stdout);
  assert.match(outcome.why.message, reason);
  assert.deepEqual([seen.now, seen.boots], [seen.before, 0]);
};

/** Comes up without a network. */
const unreachable = (more?: Readonly<Record<string, unknown>>): SystemSpec => ({
  behaviour: "cuts-network",
  ...kernel("6.2", more),
});

/** A host that comes up beside a dozen others. */
const PATIENT = { bungee: { confirmation: { timeout: 60 } } };

const CASES: Readonly<Record<string, Case>> = {
  "boot --reboot starts the new system, and makes it permanent when it is confirmed": {
    spec: { ...kernel("6.2"), ...PATIENT },
    words: BOOT,
    check: wasRebooted,
  },
  "boot --reboot of a system that nobody can reach: the host boots the old one again": {
    spec: unreachable(),
    words: BOOT,
    check: isBack("unconfirmed", 2),
  },
  "boot --reboot of a system that only gets to an emergency shell: the host boots the old one again": {
    spec: {
      config: {
        standin: { kernel: "6.2" },
        systemd: {
          services: {
            "no-disk": {
              wantedBy: ["local-fs.target"],
              before: ["local-fs.target"],
              unitConfig: {
                DefaultDependencies: "no",
                OnFailure: "emergency.target",
                OnFailureJobMode: "replace-irreversibly",
              },
              serviceConfig: { Type: "oneshot", ExecStart: "/bin/false" },
            },
          },
        },
      },
    },
    words: BOOT,
    check: isBack("emergency", 2),
  },
  "the power fails while the booted system waits for its confirmation: the old one boots": {
    spec: unreachable(),
    words: BOOT,
    disturb: async (host, boots) => {
      await untilBoots(host, boots + 1);
      await untilState(host, "awaiting-confirmation");
      await host.reset();
    },
    check: isBack("host-reset", 2),
  },
  "the power fails while the booted system comes up: the old one boots, and is not rebooted once more": {
    spec: {
      config: {
        standin: { kernel: "6.2" },
        systemd: {
          services: {
            late: {
              wantedBy: ["multi-user.target"],
              serviceConfig: { Type: "oneshot", TimeoutStartSec: "infinity", ExecStart: "/bin/sleep infinity" },
            },
          },
        },
      },
    },
    words: BOOT,
    disturb: async (host, boots) => {
      await untilBoots(host, boots + 1);
      await host.output("until [ -e /var/lib/bungee/current/rebooted ]; do sleep 0.1; done");
      await host.reset();
    },
    check: isBack("host-reset", 2),
  },
  "the boot loader starts something else: that is said, and the host is as it was": {
    spec: kernel("6.2"),
    words: BOOT,
    // It is set after the run says that it reboots.
    disturb: async (host) => {
      await host.output(
        "for i in $(seq 1 6000); do rm /boot/firmware/LoaderEntryOneShot 2>/dev/null && exit; sleep 0.02; done; exit 1",
      );
    },
    check: isBack("not-booted", 1),
  },
  "switch --reboot auto with the same kernel reboots nothing": {
    spec: PATIENT,
    words: ["--reboot", "auto"],
    check: (seen) => {
      isNew(seen);
      assert.equal(seen.boots, 0);
    },
  },
  "switch --reboot auto with another kernel reboots": {
    spec: { ...kernel("6.2"), ...PATIENT },
    words: ["--reboot", "auto"],
    check: wasRebooted,
  },
  "GRUB: its environment block names the entry once, and the confirmation makes it the default": {
    first: kernel("6.1", grub),
    spec: { ...kernel("6.2", grub), ...PATIENT },
    words: BOOT,
    check: async (seen) => {
      wasRebooted(seen);
      assert.doesNotMatch(await seen.host.output("grub-editenv /boot/grub/grubenv list"), /next_entry/);
    },
  },
  "GRUB: unconfirmed, the host boots the old system again": {
    first: kernel("6.1", grub),
    spec: unreachable(grub),
    words: BOOT,
    check: isBack("unconfirmed", 2),
  },
  "--no-rollback keeps a system that is not confirmed, reboot or not": {
    spec: { behaviour: "leaves-unit-failed", ...kernel("6.2") },
    words: [...BOOT, "--no-rollback"],
    check: ({ host, before, now, boots, deployment }) => {
      assert.equal(boots, 1);
      assert.notEqual(now.running, before.running);
      assert.deepEqual([now.booted, now.profile, now.bootDefault], [now.running, now.running, now.running]);
      const outcome = deployment.outcomes[host.name];
      assert.ok(outcome?.kind === "unknown" && /rollback was off/.test(outcome.why.message), deployment.stdout);
      assert.equal(deployment.code, 3);
    },
  },
  "a host that may not be rebooted is not": {
    spec: { ...kernel("6.2"), bungee: { reboot: { allow: false } } },
    words: BOOT,
    check: isRefused(/may not be rebooted/),
  },
  "a boot loader that cannot start a system once is no way back": {
    prepare: async (host) => {
      await host.output("mv /boot/loader /boot/aside");
    },
    spec: kernel("6.2"),
    words: BOOT,
    check: async (seen) => {
      await seen.host.output("mv /boot/aside /boot/loader");
      isRefused(/cannot start a system once/)({ ...seen, now: { ...seen.now, bootDefault: seen.before.bootDefault } });
    },
  },
};

describe("a reboot on the way", { skip }, () => {
  test("on many hosts", { concurrency: true }, async (t) => {
    const names = Object.keys(CASES).map((_, index) => `web${index + 1}`);
    await using scene = await Scene.open({ hosts: names });
    await Promise.all(
      Object.entries(CASES).map(([title, { first, prepare, spec, words, disturb, check }], index) =>
        t.test(title, async () => {
          const host = scene.host(names[index]!);
          if (first) await deploy(scene, host, "1", first, []);
          await host.reboot();
          await host.waitSsh();
          const before = await host.triple();
          const boots = host.boots;
          await prepare?.(host);
          const deployment = await deploy(scene, host, "2", spec, words, disturb);
          await untilQuiet(host);
          await check({ host, before, now: await host.triple(), boots: host.boots - boots, deployment });
          await nothingLeft(host);
        }),
      ),
    );
  });

  test("with the deployer killed while the host reboots, it goes back by itself", async () => {
    await using scene = await Scene.open({ hosts: ["web1"], hostRelease: "trixie" });
    const host = scene.host("web1");
    await host.reboot();
    await host.waitSsh();
    const [before, boots] = [await host.triple(), host.boots];
    await scene.write({ web1: { version: "2", ...kernel("6.2") } });
    const running = scene.start("deploy", "web1", ...BOOT, "--report", "json");
    await untilState(host, "rebooting");
    await running.kill("SIGKILL");
    await untilBoots(host, boots + 2);
    await host.waitSsh();
    await untilQuiet(host);
    assert.deepEqual(await host.triple(), before);
    await nothingLeft(host);
  });
});

async function deploy(
  scene: Scene,
  host: Host,
  version: string,
  spec: SystemSpec,
  words: readonly string[],
  disturb?: Case["disturb"],
): Promise<Deployment> {
  const directory = `/root/fleet-${host.name}-${version}`;
  await scene.write({ [host.name]: { version, ...spec } }, directory);
  const { boots } = host;
  const running = scene.start("deploy", host.name, "--flake", directory, ...words, "--report", "json");
  const [deployment] = await Promise.all([finish(running), disturb?.(host, boots)]);
  return deployment;
}

async function untilBoots(host: Host, boots: number): Promise<void> {
  const end = Date.now() + 120_000;
  while (host.boots < boots && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(host.boots, boots);
}

async function nothingLeft(host: Host): Promise<void> {
  const left = `ls -d /etc/systemd/system.control /boot/firmware/LoaderEntryOneShot 2>/dev/null
    ls /nix/var/nix/gcroots/bungee 2>/dev/null
    systemctl list-units --all --plain --no-legend 'bungee-*' 'nixos-rebuild-*'`;
  assert.equal(
    await host.output(`for i in $(seq 1 50); do [ -n "$(${left})" ] || exit 0; sleep 0.1; done; ${left}`),
    "",
  );
}
