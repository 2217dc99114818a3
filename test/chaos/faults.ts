/** Makes faults happen, and mends them. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "../lab/host.ts";
import { lockOf, stateOf } from "./evidence.ts";
import type { Fault, Moment } from "./plan.ts";

/** A deployment as faults see it. */
export interface Target {
  readonly host: Host;
  /** What the deployer has written so far. */
  readonly report: () => string;
  readonly signalDeployers: (signal: NodeJS.Signals) => Promise<void>;
  readonly startSecondDeployer: (action: "switch" | "test" | "boot") => Promise<void>;
  /** Resolves when the first fault happens. */
  readonly firstFault: Promise<void>;
  /** Aborted when the run is over: what has not happened by then does not happen. */
  readonly over: AbortSignal;
}

/** A state that lasts too short to be seen is taken for reached when one that follows it is. */
const FORWARD = [
  "beginning",
  "activating",
  "rebooting",
  "awaiting-confirmation",
  "confirmed",
  "committing",
  "committed",
];
const BACK = ["rolling-back", "rolled-back", "rollback-failed"];
const LOOK_EVERY_MS = 10;

/** Waits for a moment. False if it did not come. */
export async function moment(when: Moment, target: Target): Promise<boolean> {
  if (when.after === "state") await untilState(when.state, target);
  if (when.after === "stage") await untilStage(when.stage, target);
  if (when.after === "fault") await Promise.race([target.firstFault, aborted(target.over)]);
  return !target.over.aborted && (await pause(when.ms, target.over));
}

const aborted = (signal: AbortSignal) =>
  new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));

/** False if the signal came first. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  await sleep(ms, undefined, { signal }).catch(() => {});
  return !signal.aborted;
}

async function untilState(state: string, { host, over }: Target): Promise<void> {
  const order = BACK.includes(state) ? BACK : state === "rebooting" ? ["rebooting"] : FORWARD;
  const before = lockOf(host);
  let run: string | null = null;
  while (!over.aborted) {
    const lock = lockOf(host);
    // A run that is over has no lock any more; its last state is still to be seen.
    if (lock !== null && lock !== before) run = lock;
    const now = order.indexOf(stateOf(host, run) ?? "");
    if (now >= order.indexOf(state)) return;
    await sleep(LOOK_EVERY_MS);
  }
}

async function untilStage(stage: string, { report, over }: Target): Promise<void> {
  while (!over.aborted && !report().includes(`"stage":"${stage}"`)) await sleep(LOOK_EVERY_MS);
}

/** Makes a fault happen, and mends it if its time is limited. What is to be mended at the end is left to `healHost`. */
export async function strike(fault: Fault, target: Target): Promise<void> {
  const { host, over } = target;
  const later = async (ms: number | null, mend: () => Promise<unknown>) => {
    if (ms !== null && (await pause(ms, over))) await mend();
  };
  switch (fault.kind) {
    case "deployer-killed":
      return await target.signalDeployers("SIGKILL");
    case "deployer-signalled":
      await target.signalDeployers(fault.signal);
      return await later(fault.twiceAfterMs, () => target.signalDeployers(fault.signal));
    case "link-cut":
      await host.cut(fault.how);
      return await later(fault.healMs, () => host.heal());
    case "link-slow":
      await host.limit({ mbit: fault.mbit });
      return await later(fault.healMs, () => host.limit());
    case "sshd-stopped":
      await host.run("systemctl stop ssh.service");
      return await later(fault.healMs, () => host.run("systemctl start ssh.service"));
    case "disk-filled":
      await host.fillDisk(fault.leaveBytes);
      return await later(fault.healMs, () => host.freeDisk());
    case "reset":
      await host.reset({ boot: fault.offMs === 0 });
      if (fault.offMs > 0) await later(fault.offMs, () => host.reset());
      return;
    case "clock-jumped":
      return jumpClock(host, fault.seconds);
    case "second-deployer":
      return await target.startSecondDeployer(fault.action);
    case "unit-frozen":
    case "host-frozen":
      await host.run(freeze(fault.kind === "host-frozen" ? "" : "/system.slice/bungee-run-*.service", fault.healMs));
      return;
    case "garbage-collected":
      await host.run(["nix-collect-garbage", "--quiet", ...(fault.deleteOld ? ["--delete-old"] : [])]);
      return;
    default:
      await host.run(COMMANDS[fault.kind]);
  }
}

/** Faults that are one command on the host. */
const COMMANDS = {
  "sshd-restarted": "systemctl restart ssh.service",
  "unit-killed": "systemctl kill --kill-whom=all --signal=KILL 'bungee-run-*.service'",
  "unit-stopped": "systemctl stop 'bungee-run-*.service'",
  "switch-killed": "systemctl kill --kill-whom=all --signal=KILL nixos-rebuild-switch-to-configuration.service",
  "guard-killed": `
    systemctl stop 'bungee-guard-*.timer'
    systemctl kill --kill-whom=all --signal=KILL 'bungee-guard-*.service'`,
  // Also those that serve a deployer's copy.
  "nix-daemon-killed": "pkill -KILL nix-daemon",
  reboot: "systemctl reboot",
} satisfies Partial<Record<Fault["kind"], string>>;

/** Whoever freezes is outside of the host's cgroup, and can thaw it again. */
const freeze = (cgroup: string, ms: number) => `
  write() {
    for file in /sys/fs/cgroup${cgroup}/cgroup.freeze; do [ ! -e "$file" ] || echo "$1" >"$file"; done
  }
  write 1
  sleep ${ms / 1000}
  write 0`;

/**
 * The host shares the kernel's clock with this machine, which nobody may change: but whoever asks `date` on the host, as the
 * activator does, is told another time from now on.
 */
function jumpClock(host: Host, seconds: number): void {
  const shim = `#!/bin/sh\nexec /usr/bin/date --date="@$(($(/usr/bin/date +%s) + ${seconds}))" "$@"\n`;
  mkdirSync(host.disk.path("/usr/local/sbin"), { recursive: true });
  writeFileSync(host.disk.path(CLOCK), shim);
  chmodSync(host.disk.path(CLOCK), 0o755);
}

const CLOCK = "/usr/local/sbin/date";

/** Mends whatever may be broken about a host from outside, and switches it on. Not what stands on its disk. */
export async function healHost(host: Host): Promise<void> {
  await host.freeDisk();
  rmSync(host.disk.path(CLOCK), { force: true });
  await host.heal();
  await host.limit();
  if (!host.isOn) await host.reset();
  await host.run("echo 0 >/sys/fs/cgroup/cgroup.freeze; systemctl start --no-block ssh.service");
}
