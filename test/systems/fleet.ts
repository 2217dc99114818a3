/** Writes flakes of stand-in systems: a fleet for a test, as small as its nodes' few words. */
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What a system does to its host; behaviours.nix has them, README.md says what each does and what mends it. */
export const behaviours = [
  "ordinary",
  "cuts-network",
  "drops-packets",
  "changes-address",
  "interrupts-network",
  "stops-sshd",
  "restarts-sshd",
  "removes-key",
  "refuses-sudo",
  "hangs",
  "hangs-in-unit",
  "slow",
  "exits-before",
  "exits-midway",
  "exits-after",
  "fails-to-activate",
  "fails-to-reload",
  "leaves-unit-failed",
  "unit-dies-later",
  "killed",
  "kills-everything",
  "fills-disk",
  "resets",
  "fails-boot-step",
  "fails-after-boot-step",
  "new-kernel",
  "new-init",
  "other-host",
  "not-nixos",
  "fails-to-build",
  "fails-to-evaluate",
] as const;
export type Behaviour = (typeof behaviours)[number];

/** One node. The JSON of it is what system.nix reads. */
export interface SystemSpec {
  /** `networking.hostName`. Default: the node's name. */
  readonly hostName?: string;
  /** Held by app.service; another version is another closure. Letters, digits, `.` and `-`. Default: "1". */
  readonly version?: string;
  readonly behaviour?: Behaviour;
  /** Of the behaviour, such as `{ address: "10.77.1.200" }` or `{ seconds: 5 }`. */
  readonly arguments?: Readonly<Record<string, unknown>>;
  /** How long app.service takes to start, so how long a switch to another version waits. */
  readonly activationSeconds?: number;
  /** Ballast in the closure, KiB; other bytes in each version, the same for all hosts of one version. */
  readonly payloadKiB?: number;
  /** `config.bungee`. Default: the configuration has none. */
  readonly bungee?: Readonly<Record<string, unknown>>;
  /** Gives the host a deploy user; what may be said of it: deploy-user.nix. */
  readonly deployUser?: { readonly authorizedKeys: readonly string[] } & Readonly<Record<string, unknown>>;
  /** Makes the host a cache's, with a push user; what may be said of it: push-user.nix. */
  readonly pushUser?: { readonly authorizedKeys: readonly string[] } & Readonly<Record<string, unknown>>;
  /** Anything else of a NixOS module, as in `{ environment: { etc: { motd: { text: "hello" } } } }`. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface Fleet {
  readonly nodes: Readonly<Record<string, SystemSpec>>;
  /** The flake's own `bungee` output. */
  readonly bungee?: Readonly<Record<string, unknown>>;
}

const here = import.meta.dirname;
const checkout = join(here, "..", "..");
const standin = join(checkout, "examples", "fleet", "standin");
/** What hosts with a deploy user or a push user have of bungee: the very files that nix/deploy-user.nix and nix/cache-push.nix take. */
const INSTALLED = [
  "nix/activator.nix",
  "nix/gated-sshd.nix",
  "nix/gated-key.nix",
  "nix/cache-keeper.nix",
  "src/activator",
];
const isInstalled = (file: string) => !file.endsWith(".ts");
const systems: Partial<Record<NodeJS.Architecture, string>> = { x64: "x86_64-linux", arm64: "aarch64-linux" };

/**
 * Writes a flake that needs nothing outside of `directory`, on nix 2.8 and later, in pure evaluation. To change a fleet, write it again:
 * only fleet.json differs then. Gives the flake's reference, `path:DIRECTORY`.
 */
export async function writeFleet(directory: string, fleet: Fleet): Promise<string> {
  await mkdir(directory, { recursive: true });
  await cp(standin, join(directory, "standin"), { recursive: true });
  for (const file of [
    "flake.nix",
    "system.nix",
    "behaviours.nix",
    "gated-user.nix",
    "deploy-user.nix",
    "push-user.nix",
  ])
    await cp(join(here, file), join(directory, file));
  for (const file of INSTALLED)
    await cp(join(checkout, file), join(directory, "bungee", file), { recursive: true, filter: isInstalled });

  const system = systems[process.arch];
  const nodes = Object.fromEntries(Object.entries(fleet.nodes).map(([name, spec]) => [name, { system, ...spec }]));
  await writeFile(join(directory, "fleet.json"), `${JSON.stringify({ ...fleet, nodes }, null, 2)}\n`);
  return `path:${directory}`;
}

/** The attribute of a node's toplevel in a flake. */
export function toplevelOf(node: string): string {
  return `nixosConfigurations.${node}.config.system.build.toplevel`;
}
