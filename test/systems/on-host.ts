/** Stand-in systems on a lab host, without any deployer: built by the host's own nix, switched to by hand, compared before and after. */
import type { Result } from "../lab/exec.ts";
import type { Host } from "../lab/host.ts";
import { type Fleet, toplevelOf, writeFleet } from "./fleet.ts";

export type Action = "switch" | "boot" | "test" | "dry-activate" | "check";

/** Builds all nodes of a fleet on a host; gives their toplevels by name. They stay rooted in /root/systems. */
export async function buildOn<Name extends string>(
  host: Host,
  nodes: Record<Name, Fleet["nodes"][string]>,
): Promise<Record<Name, string>> {
  await host.output("mkdir -p /root/systems");
  await writeFleet(host.disk.path("/root/systems/fleet"), { nodes });
  const flake = "path:/root/systems/fleet";
  const names = Object.keys(nodes) as Name[];
  await host.output([
    "nix",
    "build",
    "--out-link",
    `/root/systems/${crypto.randomUUID()}`,
    ...names.map((name) => `${flake}#${toplevelOf(name)}`),
  ]);
  // `nix build --json` names the outputs in an order of its own.
  const outPaths = "builtins.mapAttrs (_: node: node.config.system.build.toplevel.outPath)";
  return JSON.parse(await host.output(["nix", "eval", "--json", `${flake}#nixosConfigurations`, "--apply", outPaths]));
}

/** `TOPLEVEL/bin/switch-to-configuration ACTION`, whatever comes of it. */
export async function switchTo(host: Host, toplevel: string, action: Action): Promise<Result> {
  return await host.run([`${toplevel}/bin/switch-to-configuration`, action]);
}

/** Makes a system the running one and the one that boots, as `nixos-rebuild switch` does. */
export async function install(host: Host, toplevel: string): Promise<void> {
  await host.output(["nix-env", "--profile", "/nix/var/nix/profiles/system", "--set", toplevel]);
  await host.output([`${toplevel}/bin/switch-to-configuration`, "switch"]);
}

/** All that a switch may change on a host, a line each: what the lab's snapshot has, and the network. But for generations, which add up. */
export async function stateOf(host: Host): Promise<string[]> {
  const { running, bootDefault } = await host.triple();
  const network = await host.output(`
    ip -oneline -4 address show dev host0
    ip -oneline link show dev host0 | grep -o 'state [A-Z]*'
    nft list ruleset
    cat /run/app/version`);
  const snapshot = (await host.snapshot()).split("\n");
  const lasting = snapshot.filter((line) => !/^nix\/|nixos-generation|loader\.conf|etc\/mtab/.test(line));
  return [`running ${running}`, `boots ${bootDefault}`, ...network.split("\n"), ...lasting];
}

/** What is no more ("- …") and what is new ("+ …") between two states. */
export function changes(before: readonly string[], after: readonly string[]): string[] {
  const gone = before.filter((line) => !after.includes(line)).map((line) => `- ${line}`);
  const added = after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`);
  return [...gone, ...added];
}
