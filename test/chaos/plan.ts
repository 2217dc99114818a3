/** What a run of chaos will do: a pure function of seed and number, so that any run can be done again alone. */
import type { Release } from "../lab/rootfs.ts";
import { Random } from "./random.ts";
import { type Factory, PLACES, SYSTEMS, type System } from "./systems.ts";

export type BootLoader = "systemd-boot" | "grub";
export type Action = "switch" | "test" | "boot" | "stage" | "dry-activate";

export interface Plan {
  readonly seed: number;
  readonly run: number;
  /** What the deployer runs on. */
  readonly deployer: Release;
  readonly action: Action;
  readonly reboot: "never" | "auto" | "always";
  readonly rollback: boolean;
  /** Seconds. */
  readonly activationTimeout: number;
  /** Seconds. */
  readonly confirmTimeout: number;
  readonly hosts: readonly PlannedHost[];
  readonly faults: readonly PlannedFault[];
  /** Whether a plain deploy is made when all is over, which has to work. */
  readonly next: boolean;
}

export interface PlannedHost {
  readonly release: Release;
  readonly bootLoader: BootLoader;
  /** What it runs before. */
  readonly start: Factory;
  /** Before, it runs another system than the one it would boot: somebody tested it. */
  readonly tested: boolean;
  /** What is deployed to it. */
  readonly system: System;
}

export interface PlannedFault {
  /** Index of the host that it happens to, or that the second deployer goes to. */
  readonly host: number;
  readonly when: Moment;
  readonly what: Fault;
}

/** Milliseconds after the deployer was started, after the other fault, after the host's run was first seen in a state, or after a stage. */
export type Moment =
  | { readonly after: "start" | "fault"; readonly ms: number }
  | { readonly after: "state"; readonly state: string; readonly ms: number }
  | { readonly after: "stage"; readonly stage: string; readonly ms: number };

/** `healMs`: how long it lasts; null: until the run is over. */
export type Fault =
  | { readonly kind: "deployer-killed" }
  | { readonly kind: "deployer-signalled"; readonly signal: "SIGINT" | "SIGTERM"; readonly twiceAfterMs: number | null }
  | { readonly kind: "link-cut"; readonly how: "drop" | "refuse"; readonly healMs: number | null }
  | { readonly kind: "link-slow"; readonly mbit: number; readonly healMs: number | null }
  | { readonly kind: "sshd-stopped"; readonly healMs: number | null }
  | { readonly kind: "sshd-restarted" }
  | { readonly kind: "unit-killed" }
  | { readonly kind: "unit-stopped" }
  | { readonly kind: "unit-frozen"; readonly healMs: number }
  | { readonly kind: "switch-killed" }
  | { readonly kind: "guard-killed" }
  | { readonly kind: "nix-daemon-killed" }
  | { readonly kind: "reset"; readonly offMs: number }
  | { readonly kind: "reboot" }
  | { readonly kind: "disk-filled"; readonly leaveBytes: number; readonly healMs: number | null }
  | { readonly kind: "clock-jumped"; readonly seconds: number }
  | { readonly kind: "second-deployer"; readonly action: "switch" | "test" | "boot" }
  | { readonly kind: "garbage-collected"; readonly deleteOld: boolean }
  | { readonly kind: "host-frozen"; readonly healMs: number };

const FAULTS: Readonly<Record<Fault["kind"], number>> = {
  "deployer-killed": 12,
  "deployer-signalled": 8,
  "link-cut": 14,
  "link-slow": 4,
  "sshd-stopped": 6,
  "sshd-restarted": 5,
  "unit-killed": 8,
  "unit-stopped": 4,
  "unit-frozen": 4,
  "switch-killed": 6,
  "guard-killed": 7,
  "nix-daemon-killed": 5,
  reset: 14,
  reboot: 7,
  "disk-filled": 9,
  "clock-jumped": 5,
  "second-deployer": 8,
  "garbage-collected": 7,
  "host-frozen": 6,
};

/** How often a fault follows one of a run's states: of a run that is well, of one that goes back, and of one that reboots. */
const STATES: Readonly<Record<"well" | "broken" | "reboots", Readonly<Record<string, number>>>> = {
  well: {
    beginning: 4,
    activating: 6,
    "awaiting-confirmation": 6,
    confirmed: 3,
    committing: 8,
    committed: 2,
  },
  reboots: {
    activating: 4,
    rebooting: 8,
    "awaiting-confirmation": 6,
    committing: 4,
    "rolling-back": 4,
  },
  broken: { beginning: 2, activating: 4, "awaiting-confirmation": 4, "rolling-back": 9, "rolled-back": 2 },
};
const STAGES: Readonly<Record<string, number>> = { evaluate: 1, connect: 2, build: 1, copy: 4, activate: 5 };

const ACTIONS: Readonly<Record<Action, number>> = { switch: 64, test: 13, boot: 15, stage: 4, "dry-activate": 4 };

export function planOf(seed: number, run: number): Plan {
  const random = new Random("plan", seed, run);
  const action = random.weighted(ACTIONS);
  const reboot = rebootOf(random, action);
  const count = random.chance(85) ? 1 : random.integer(2, PLACES.length);
  const hosts = Array.from({ length: count }, () => hostOf(random, action, reboot));
  const confirms = action === "switch" || action === "test" || reboot !== "never";
  return {
    seed,
    run,
    deployer: releaseOf(random),
    action,
    reboot,
    rollback: !(random.chance(4) && confirms && hosts.every(staysReachable)),
    activationTimeout: random.integer(4, 10) + (reboot === "never" ? 0 : 5),
    confirmTimeout: random.integer(3, 6),
    hosts,
    faults: faultsOf(random, hosts, reboot),
    next: random.chance(15),
  };
}

function rebootOf(random: Random, action: Action): Plan["reboot"] {
  if (action === "boot") return random.chance(50) ? "always" : "never";
  return action === "switch" && random.chance(6) ? random.pick(["auto", "auto", "always"]) : "never";
}

const releaseOf = (random: Random): Release => random.pick(["bookworm", "trixie"]);

/** A host that cannot be reached, or resets in every boot, stays so with rollback off: that is what was asked for. */
const staysReachable = ({ system }: PlannedHost) =>
  !["cuts-network", "drops-packets", "stops-sshd", "removes-key", "resets"].includes(system);

const WEIGHTS = Object.fromEntries(Object.entries(SYSTEMS).map(([system, { weight }]) => [system, weight])) as Record<
  System,
  number
>;

function hostOf(random: Random, action: Action, reboot: Plan["reboot"]): PlannedHost {
  return {
    release: releaseOf(random),
    bootLoader: random.weighted<BootLoader>({ "systemd-boot": 60, grub: 40 }),
    start: random.weighted<Factory>({ factory: 88, "factory-slow": 6, "factory-interrupts": 6 }),
    tested: random.chance(6),
    system: systemOf(random, action, reboot),
  };
}

function systemOf(random: Random, action: Action, reboot: Plan["reboot"]): System {
  if (reboot === "auto" && random.chance(70)) return "new-kernel";
  for (;;) {
    const system = random.weighted(WEIGHTS);
    // What `boot` sets is tried by nobody before a reset starts it.
    if (action === "boot" && reboot === "never" && !bootsWell(system)) continue;
    // Before systemd runs, only the power button helps.
    if (reboot !== "never" && system === "hangs") continue;
    return system;
  }
}

const bootsWell = (system: System) =>
  !("breaks" in SYSTEMS[system]) || system === "fails-boot-step" || system === "fails-after-boot-step";

function faultsOf(random: Random, hosts: readonly PlannedHost[], reboot: Plan["reboot"]): PlannedFault[] {
  const fault = (when?: Moment): PlannedFault => {
    const host = random.integer(0, hosts.length - 1);
    const what = whatOf(random, random.weighted(FAULTS));
    return { host, when: when ?? momentOf(random, reboot === "never" ? wayOf(hosts[host]!) : "reboots"), what };
  };
  if (random.chance(50)) return [fault()];
  // What breaks while something else is being mended is worse than two things apart.
  return [fault(), fault(random.chance(50) ? { after: "fault", ms: delayOf(random) * 2 } : undefined)];
}

/** Mostly small: what follows a state at once is where races are. */
const delayOf = (random: Random) => (random.chance(60) ? random.integer(0, 150) : random.integer(0, 1500));

const wayOf = ({ system }: PlannedHost) => ("breaks" in SYSTEMS[system] ? "broken" : "well");

function momentOf(random: Random, way: keyof typeof STATES): Moment {
  switch (random.weighted({ start: 20, state: 65, stage: 15 })) {
    case "start":
      return { after: "start", ms: random.integer(200, 6000) };
    case "state":
      return { after: "state", state: random.weighted(STATES[way]), ms: delayOf(random) };
    case "stage":
      return { after: "stage", stage: random.weighted(STAGES), ms: delayOf(random) };
  }
}

const healOf = (random: Random) => (random.chance(25) ? null : random.integer(200, 6000));

function whatOf(random: Random, kind: Fault["kind"]): Fault {
  switch (kind) {
    case "deployer-signalled":
      return {
        kind,
        signal: random.pick(["SIGINT", "SIGTERM"]),
        twiceAfterMs: random.chance(40) ? random.integer(50, 1500) : null,
      };
    case "link-cut":
      return { kind, how: random.pick(["drop", "refuse"]), healMs: healOf(random) };
    case "link-slow":
      return { kind, mbit: random.integer(1, 5), healMs: healOf(random) };
    case "sshd-stopped":
      return { kind, healMs: healOf(random) };
    case "unit-frozen":
      return { kind, healMs: random.integer(500, 8000) };
    case "reset":
      return { kind, offMs: random.chance(70) ? 0 : random.integer(500, 8000) };
    case "disk-filled":
      return { kind, leaveBytes: random.pick([0, 0, 4096, 100_000, 2_000_000]), healMs: healOf(random) };
    case "clock-jumped":
      return { kind, seconds: random.pick([-400_000_000, -86_400, -3600, -30, 30, 3600, 86_400, 400_000_000]) };
    case "second-deployer":
      return { kind, action: random.pick(["switch", "switch", "test", "boot"]) };
    case "garbage-collected":
      return { kind, deleteOld: random.chance(50) };
    case "host-frozen":
      return { kind, healMs: random.integer(300, 8000) };
    default:
      return { kind };
  }
}

/** The plan as a person reads it. */
export function explain(plan: Plan): string {
  const { seed, run, action, deployer, activationTimeout, confirmTimeout } = plan;
  const words = [
    `--action ${action}`,
    ...(plan.reboot === "never" ? [] : [`--reboot ${plan.reboot}`]),
    ...(plan.rollback ? [] : ["--no-rollback"]),
    `activation ${activationTimeout} s`,
    `confirmation ${confirmTimeout} s`,
  ];
  return [
    `seed ${seed} run ${run}: ${words.join(", ")}; from ${deployer}${plan.next ? "; then a plain deploy" : ""}`,
    ...plan.hosts.map(
      ({ release, bootLoader, start, tested, system }, index) =>
        `  host-${PLACES[index]} (${release}, ${bootLoader}) has ${start}${tested ? ", and tests another" : ""}; is given ${system}`,
    ),
    ...plan.faults.map(
      ({ host, when, what }) => `  ${explainMoment(when)}: ${explainFault(what)} (host-${PLACES[host]})`,
    ),
  ].join("\n");
}

function explainMoment(when: Moment): string {
  const what = "state" in when ? when.state : "stage" in when ? `stage ${when.stage}` : `the ${when.after}`;
  return `${when.ms} ms after ${what}`;
}

export function explainFault({ kind, ...details }: Fault): string {
  const words = Object.entries(details).map(([name, value]) => `${name} ${value ?? "at the end"}`);
  return [kind, ...words].join(", ");
}
