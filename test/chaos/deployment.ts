/** One deployer of a run of chaos: what it was told, what was done to it, and how it ended. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Event } from "../../src/run/events.ts";
import type { Result } from "../lab/exec.ts";
import type { Host } from "../lab/host.ts";
import type { Release } from "../lab/rootfs.ts";
import type { Deployer, Field } from "./field.ts";
import type { DeployerCase } from "./invariant.ts";
import type { Action, Plan } from "./plan.ts";
import type { System } from "./systems.ts";

export interface DeploymentRequest {
  readonly from: Release;
  readonly action: Action;
  readonly reboot: Plan["reboot"];
  readonly rollback: boolean;
  /** Seconds. */
  readonly activationTimeout: number;
  /** Seconds. */
  readonly confirmTimeout: number;
  readonly targets: readonly { readonly host: Host; readonly place: number; readonly system: System }[];
}

export class Deployment {
  readonly #field: Field;
  readonly #request: DeploymentRequest;
  readonly #deployer: Deployer;
  readonly #signals: NodeJS.Signals[] = [];

  private constructor(field: Field, request: DeploymentRequest, deployer: Deployer) {
    this.#field = field;
    this.#request = request;
    this.#deployer = deployer;
  }

  static async start(field: Field, request: DeploymentRequest): Promise<Deployment> {
    return new Deployment(field, request, await field.deploy(request.from, request.targets, wordsOf(request)));
  }

  get alive(): boolean {
    return this.#deployer.running.alive;
  }

  /** What it has written so far. */
  get report(): string {
    return this.#deployer.running.stdout;
  }

  get result(): Promise<Result> {
    return this.#deployer.running.result;
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    if (await this.#deployer.running.kill(signal)) this.#signals.push(signal);
  }

  /** Call it when the deployer has ended. */
  async case(): Promise<DeployerCase> {
    const { code, stdout, stderr } = await this.result;
    const { targets, from, action } = this.#request;
    return {
      action,
      releases: Object.fromEntries(targets.map(({ host, system }) => [host.name, this.#field.toplevels.get(system)])),
      nodes: Object.fromEntries(targets.map(({ host }, index) => [host.name, this.#deployer.nodes[index]!])),
      signals: this.#signals,
      code,
      events: eventsOf(stdout),
      stderr,
      leftovers: await this.#leftovers(from),
    };
  }

  /** A child that was told to end may take a moment. */
  async #leftovers(from: Release): Promise<string[]> {
    for (let patience = 10; ; patience--) {
      const found = await this.#field.leftovers(this.#deployer, from);
      if (found.length === 0 || patience === 0) return found;
      await sleep(500);
    }
  }
}

/** Flags that mean nothing for an action are refused. */
function wordsOf({ action, reboot, rollback, activationTimeout, confirmTimeout }: DeploymentRequest): string[] {
  const activates = action !== "stage";
  const confirms = action === "switch" || action === "test" || reboot !== "never";
  return [
    ...["--action", action],
    ...(reboot === "never" ? [] : ["--reboot", reboot]),
    ...(activates ? ["--activation-timeout", String(activationTimeout)] : []),
    ...(confirms ? ["--confirm-timeout", String(confirmTimeout)] : []),
    ...(confirms && !rollback ? ["--no-rollback"] : []),
  ];
}

/** Whoever is killed may leave half a line. */
function eventsOf(stdout: string): Event[] {
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Event);
}
