/** Carries one run of chaos out: deploys, breaks, mends, waits until all is quiet, and looks. */
import { existsSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "../lab/host.ts";
import { Deployment, type DeploymentRequest } from "./deployment.ts";
import { gather, gatherBefore, type HostEvidence, lockOf } from "./evidence.ts";
import { healHost, moment, strike, type Target } from "./faults.ts";
import type { Field } from "./field.ts";
import { type DeployerCase, violations } from "./invariant.ts";
import { explainFault, type Plan, type PlannedFault, type PlannedHost } from "./plan.ts";

/** From the last fault on, as long as nothing is mended; then everything is. */
const UNMENDED_MS = 15_000;
/** Without any fault nothing needs mending: however busy the machine is, the deployer ends by itself. */
const UNHARMED_MS = 240_000;
/** From then on, until the deployer has to have ended: it looks at hosts that went back for a while. */
const DEPLOYER_MS = 120_000;
/** And until the host has to be quiet: longer than its last resort, the guard's timer, takes. */
const QUIET_MS = 180_000;
const BOOT_MS = 30_000;

export interface RunReport {
  readonly plan: Plan;
  /** In words; none if all is well. */
  readonly violations: readonly string[];
  /** What happened, with milliseconds since the start. */
  readonly story: readonly string[];
  /** Faults that did happen. */
  readonly struck: readonly string[];
  /** How each deployer's nodes ended. */
  readonly outcomes: readonly string[];
  /** For a violation: what the hosts say. */
  readonly evidence: string;
  readonly ms: number;
}

export async function carryOut(plan: Plan, field: Field): Promise<RunReport> {
  const hosts = await field.take(
    plan.hosts.map((planned) => ({
      release: planned.release,
      fits: (host) => hasLoader(host, planned) && host.bootDefault() === field.toplevels.get(planned.start),
    })),
  );
  const run = new Run(plan, field, hosts);
  const report = await run.report();
  for (const host of hosts) {
    // With rollback off a host may be left as bad as it became.
    if (report.violations.length === 0 && plan.rollback) field.giveBack(host);
    else await field.scrap(host);
  }
  return report;
}

class Run {
  readonly #plan: Plan;
  readonly #field: Field;
  readonly #hosts: readonly Host[];
  readonly #began = performance.now();
  readonly #story: string[] = [];
  readonly #struck: string[] = [];
  readonly #deployments: Deployment[] = [];
  readonly #over = new AbortController();
  readonly #firstFault = Promise.withResolvers<void>();
  #lastFault = performance.now();

  constructor(plan: Plan, field: Field, hosts: readonly Host[]) {
    this.#plan = plan;
    this.#field = field;
    this.#hosts = hosts;
  }

  async report(): Promise<RunReport> {
    const plan = this.#plan;
    let found: string[];
    let deployers: DeployerCase[] = [];
    try {
      await Promise.all(this.#hosts.map((host, index) => establish(host, plan.hosts[index]!, this.#field)));
      const before = await Promise.all(this.#hosts.map(gatherBefore));
      await this.#deployAndBreak();
      deployers = await Promise.all(this.#deployments.map((deployment) => deployment.case()));
      const after = await Promise.all(this.#hosts.map(gather));
      const cases = this.#hosts.map((host, index) => ({
        name: host.name,
        before: before[index]!,
        after: after[index]!,
      }));
      found = violations(cases, deployers);
      if (found.length === 0 && plan.next) found = await this.#deployNext();
    } catch (error) {
      // A host that does not come back, a deployer that does not end; or a defect of chaos itself.
      found = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
    }
    this.#over.abort();
    return {
      plan,
      violations: found,
      story: this.#story,
      struck: this.#struck,
      outcomes: deployers.flatMap(outcomesOf),
      evidence: found.length === 0 ? "" : await this.#evidence(),
      ms: Math.round(performance.now() - this.#began),
    };
  }

  #say(text: string): void {
    this.#story.push(`${String(Math.round(performance.now() - this.#began)).padStart(6)} ms  ${text}`);
  }

  async #start(request: DeploymentRequest, what: string): Promise<Deployment> {
    const deployment = await Deployment.start(this.#field, request);
    this.#deployments.push(deployment);
    this.#say(`${what} starts`);
    deployment.result.then(({ code }) => this.#say(`${what} ends with ${code}`));
    return deployment;
  }

  async #deployAndBreak(): Promise<void> {
    const { deployer, hosts } = this.#plan;
    const targets = this.#hosts.map((host, place) => ({ host, place, system: hosts[place]!.system }));
    const first = await this.#start({ ...this.#plan, from: deployer, targets }, "the deployer");
    const faults = Promise.all(this.#plan.faults.map((fault) => this.#fault(fault, first)));
    faults.catch(() => {});

    this.#lastFault = performance.now();
    const patience = () => (this.#struck.length > 0 ? UNMENDED_MS : UNHARMED_MS);
    while (this.#unsettled() && performance.now() - this.#lastFault < patience()) await sleep(50);
    this.#over.abort();
    await faults;
    this.#say("everything is mended");
    await Promise.all(this.#hosts.map((host) => this.#insist(() => healHost(host))));
    await this.#deployersEnd();
    await Promise.all(this.#hosts.map((host) => this.#quiet(host)));
    this.#say("all is quiet");
  }

  #unsettled(): boolean {
    return (
      this.#deployments.some((deployment) => deployment.alive) ||
      this.#hosts.some((host) => !host.isOn || lockOf(host) !== null)
    );
  }

  async #fault({ host: index, when, what }: PlannedFault, first: Deployment): Promise<void> {
    const host = this.#hosts[index]!;
    const target: Target = {
      host,
      over: this.#over.signal,
      firstFault: this.#firstFault.promise,
      report: () => first.report,
      signalDeployers: async (signal) => {
        await first.signal(signal);
      },
      startSecondDeployer: async (action) => {
        const { activationTimeout, confirmTimeout, deployer } = this.#plan;
        const from = deployer === "trixie" ? "bookworm" : "trixie";
        const targets = [{ host, place: index, system: "second" as const }];
        await this.#start(
          { from, action, reboot: "never", rollback: true, activationTimeout, confirmTimeout, targets },
          "the second deployer",
        );
      },
    };
    if (!(await moment(when, target))) return;
    this.#say(`${host.name}: ${explainFault(what)}`);
    this.#struck.push(what.kind);
    this.#firstFault.resolve();
    this.#lastFault = performance.now();
    // A host that is down cannot be hurt, or not in this way.
    await strike(what, target).catch((error: Error) => this.#say(`${host.name}: ${what.kind}: ${error.message}`));
    this.#say(`${host.name}: ${what.kind} is over`);
  }

  /** A host that is about to boot may be in nobody's reach for a moment. */
  async #insist<T>(work: () => Promise<T>): Promise<T> {
    const end = performance.now() + BOOT_MS;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (performance.now() > end) throw error;
        await sleep(200);
      }
    }
  }

  async #deployersEnd(): Promise<void> {
    const end = performance.now() + DEPLOYER_MS;
    while (this.#deployments.some((deployment) => deployment.alive)) {
      if (performance.now() > end) {
        await Promise.all(this.#deployments.map((deployment) => deployment.signal("SIGKILL")));
        throw new Error(`a deployer did not end within ${DEPLOYER_MS / 1000} s after everything was mended`);
      }
      await sleep(50);
    }
  }

  /** Asks for the run's status as a deployer would, so that a run which another boot has left behind is closed. */
  async #quiet(host: Host): Promise<void> {
    const end = performance.now() + QUIET_MS;
    await host.waitSsh(BOOT_MS);
    // A host that is still starting is not quiet, and its slow units do not run yet.
    await this.#insist(() => host.run("timeout 60 systemctl is-system-running --wait"));
    for (;;) {
      const lock = lockOf(host);
      const units = await this.#insist(() => host.output(UNITS));
      if (lock === null && units === "") return;
      if (performance.now() > end) return this.#say(`${host.name} is not quiet after ${QUIET_MS / 1000} s`);
      if (lock !== null)
        await host.run(`cd /var/lib/bungee/${lock} && sh ./activator status ${lock.replace("runs/", "")}`);
      await sleep(300);
    }
  }

  async #deployNext(): Promise<string[]> {
    const { deployer, hosts } = this.#plan;
    this.#hosts.forEach(emptyDisk);
    const targets = this.#hosts.map((host, place) => ({ host, place, system: "next" as const }));
    const before = await Promise.all(this.#hosts.map(gatherBefore));
    const next = await this.#start({ ...PLAIN, from: deployer, targets }, "the next deployer");
    await this.#deployersEnd();
    await Promise.all(this.#hosts.map((host) => this.#quiet(host)));
    const after: HostEvidence[] = await Promise.all(this.#hosts.map(gather));
    const cases = this.#hosts.map((host, index) => ({ name: host.name, before: before[index]!, after: after[index]! }));
    const ended = await next.case();
    const failed = ended.code === 0 ? [] : [`the next deploy of ${hosts.length} ended with ${ended.code}`];
    return [...failed, ...violations(cases, [ended])];
  }

  /** All that helps to find the cause. */
  async #evidence(): Promise<string> {
    const parts = await Promise.all(
      this.#hosts.map(async (host) => {
        const { stdout } = await host
          .run(EVIDENCE, { signal: AbortSignal.timeout(10_000) })
          .catch((error: Error) => ({ stdout: error.message }));
        return `── ${host.name} ${host.address}\n${stdout}`;
      }),
    );
    const reports = this.#deployments.map(
      ({ report }) => `── a deployer's report\n${report.split("\n").slice(-25).join("\n")}`,
    );
    return [...parts, ...reports].join("\n");
  }
}

const PLAIN = { action: "switch", reboot: "never", rollback: true, activationTimeout: 60, confirmTimeout: 30 } as const;

const UNITS = "systemctl list-units --all --plain --no-legend --full 'bungee-*' 'nixos-rebuild-*'";

const EVIDENCE = `
set +e
ls -l --time-style=full-iso /run/current-system /nix/var/nix/profiles /boot/loader/entries /nix/var/nix/gcroots/bungee /var/lib/bungee /var/lib/bungee/current/ 2>&1
grep -H . /boot/loader/loader.conf; grep -nE 'menuentry|init=' /boot/grub/grub.cfg; grub-editenv /boot/grub/grubenv list
tail -n 3 /var/lib/bungee/history
last=$(ls -1t /var/lib/bungee/runs | head -n 1)
cd "/var/lib/bungee/runs/$last" && { grep -H . action release recorded why message boot-id rollback; ls state; echo "log:"; tail -n 30 log; }
systemctl list-units --all --plain --no-legend 'bungee-*' 'nixos-rebuild-*'
systemctl --failed --plain --no-legend
journalctl --no-pager --output=short-precise -n 60`;

const outcomesOf = ({ events }: DeployerCase) =>
  events.flatMap((event) => (event.type === "node-finished" ? [event.outcome.kind] : []));

const GRUB = "/boot/grub";

const hasLoader = (host: Host, { bootLoader }: PlannedHost) =>
  existsSync(host.disk.path(GRUB)) === (bootLoader === "grub");

/** Brings a host to where the plan begins, past bungee. */
async function establish(host: Host, planned: PlannedHost, field: Field): Promise<void> {
  const { bootLoader, start, tested } = planned;
  emptyDisk(host);
  const base = field.toplevels.get(start)!;
  const runs = tested ? field.toplevels.get("tested")! : base;
  const triple = await host.triple();
  const isFitting = triple.running === runs && triple.profile === base && triple.bootDefault === base;
  if (isFitting && hasLoader(host, planned)) return;
  // Systems write the menu of the boot loader that is there.
  await host.output(bootLoader === "grub" ? `mkdir -p ${GRUB}` : `rm -rf ${GRUB}`);
  const { code } = await host.run(["nix-store", "--check-validity", base, runs]);
  if (code !== 0) await field.deliverFactory(host);
  // Each boot step writes an entry for every generation: a hundred of them would take long.
  await host.output(`
    systemctl reset-failed
    nix-env --profile /nix/var/nix/profiles/system --set ${base}
    nix-env --profile /nix/var/nix/profiles/system --delete-generations +2
    ${base}/bin/switch-to-configuration switch || [ $? = 100 ]`);
  // Some systems can only be left by a boot.
  if ((await host.triple()).running !== base) await host.reset();
  await host.waitSsh(BOOT_MS);
  if (runs !== base) await host.output([`${runs}/bin/switch-to-configuration`, "test"]);
}

/** A system that fills the disk takes its file away when it is left, but for a reset: then it is its own doing that the disk stays full. */
function emptyDisk(host: Host): void {
  rmSync(host.disk.path("/var/lib/filler"), { force: true });
}
