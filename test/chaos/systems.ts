/** What chaos deploys: one system of each kind, for every place that a host may have in a deployment. */
import type { SystemSpec } from "../systems/fleet.ts";

/**
 * A host's place in a deployment. Nodes are named after it, and their address is `host-<place>`: who is meant by that is told
 * to each deployer apart. So all deployments share one flake, which is evaluated once.
 */
export const PLACES = ["a", "b", "c"] as const;
export type Place = (typeof PLACES)[number];

/** As chaos has them: all that they configure besides is the stand-in. */
interface Spec extends SystemSpec {
  readonly config?: { readonly standin: Readonly<Record<string, unknown>> };
}

const bootStep = (script: string): Spec => ({ config: { standin: { faults: { "boot-loader": script } } } });
const bootStepDone = (script: string): Spec => ({
  config: { standin: { faults: { "boot-loader-done": script } } },
});

/** Name → what it is, how often it is deployed, and whether a host that gets it goes back, or does not even begin. */
export const SYSTEMS = {
  // What hosts run when a run begins; never deployed otherwise, so that no deploy is "unchanged" by accident.
  factory: { weight: 0, spec: {} },
  "factory-slow": { weight: 0, spec: { behaviour: "slow", arguments: { seconds: 2 } } },
  "factory-interrupts": { weight: 0, spec: { behaviour: "interrupts-network", arguments: { seconds: 2 } } },
  tested: { weight: 0, spec: {} },
  // What the second deployer brings, and what is deployed at the end to see that a host still takes deploys.
  second: { weight: 0, spec: {} },
  next: { weight: 0, spec: {} },

  ordinary: { weight: 200, spec: {} },
  heavy: { weight: 60, spec: { payloadKiB: 4096 } },
  "slow-unit": { weight: 60, spec: { activationSeconds: 2 } },
  slow: { weight: 80, spec: { behaviour: "slow", arguments: { seconds: 2 } } },
  "interrupts-network": { weight: 80, spec: { behaviour: "interrupts-network", arguments: { seconds: 2 } } },
  "restarts-sshd": { weight: 40, spec: { behaviour: "restarts-sshd" } },
  "slow-boot-step": { weight: 60, spec: bootStep("sleep 1") },
  "slow-after-boot-step": { weight: 60, spec: bootStepDone("sleep 1") },
  "new-kernel": { weight: 20, spec: { behaviour: "new-kernel" } },
  "new-init": { weight: 10, spec: { behaviour: "new-init" } },

  "cuts-network": { breaks: true, weight: 20, spec: { behaviour: "cuts-network" } },
  "drops-packets": { breaks: true, weight: 20, spec: { behaviour: "drops-packets" } },
  "stops-sshd": { breaks: true, weight: 20, spec: { behaviour: "stops-sshd" } },
  "removes-key": { breaks: true, weight: 18, spec: { behaviour: "removes-key" } },
  hangs: { breaks: true, weight: 18, spec: { behaviour: "hangs" } },
  "hangs-in-unit": { breaks: true, weight: 18, spec: { behaviour: "hangs-in-unit" } },
  "exits-before": { breaks: true, weight: 10, spec: { behaviour: "exits-before" } },
  "exits-midway": { breaks: true, weight: 18, spec: { behaviour: "exits-midway" } },
  "exits-after": { breaks: true, weight: 20, spec: { behaviour: "exits-after" } },
  "fails-to-activate": { breaks: true, weight: 18, spec: { behaviour: "fails-to-activate" } },
  "fails-to-reload": { breaks: true, weight: 18, spec: { behaviour: "fails-to-reload" } },
  "leaves-unit-failed": { breaks: true, weight: 18, spec: { behaviour: "leaves-unit-failed" } },
  "unit-dies-later": { breaks: true, weight: 18, spec: { behaviour: "unit-dies-later" } },
  killed: { breaks: true, weight: 18, spec: { behaviour: "killed" } },
  "kills-everything": { breaks: true, weight: 18, spec: { behaviour: "kills-everything" } },
  "fills-disk": { breaks: true, weight: 10, spec: { behaviour: "fills-disk" } },
  resets: { breaks: true, weight: 20, spec: { behaviour: "resets" } },
  "fails-boot-step": { breaks: true, weight: 18, spec: { behaviour: "fails-boot-step" } },
  "fails-after-boot-step": { breaks: true, weight: 20, spec: { behaviour: "fails-after-boot-step" } },
  "other-host": { breaks: true, weight: 5, spec: { behaviour: "other-host" } },
  "not-nixos": { breaks: true, weight: 5, spec: { behaviour: "not-nixos" } },
  "fails-to-build": { breaks: true, weight: 5, spec: { behaviour: "fails-to-build" } },
  "fails-to-evaluate": { breaks: true, weight: 5, spec: { behaviour: "fails-to-evaluate" } },
} satisfies Readonly<Record<string, { weight: number; spec: Spec; breaks?: true }>>;

export type System = keyof typeof SYSTEMS;

/** Systems that a host can be given before a run. */
export const FACTORY = ["factory", "factory-slow", "factory-interrupts", "tested"] as const;
export type Factory = "factory" | "factory-slow" | "factory-interrupts";

/** The name of the node that has a system, in a place. */
export const nodeOf = (place: Place, system: System): string => `${place}-${system}`;

/** All nodes of the flake. Hosts all have one name, so that they share their closures. */
export function chaosNodes(): Record<string, SystemSpec> {
  const nodes: Record<string, SystemSpec> = {};
  for (const place of PLACES) {
    for (const [system, { spec }] of Object.entries<{ spec: Spec }>(SYSTEMS)) {
      nodes[`${place}-${system}`] = {
        hostName: "chaos",
        ...spec,
        version: system,
        config: { ...spec.config, standin: { ...spec.config?.standin, bootLoader: "of-the-host" } },
        bungee: { addresses: [`host-${place}`] },
      };
    }
  }
  return nodes;
}
