/** Systems that a host which takes only signed ones must not take, however they came into its store. */
import assert from "node:assert/strict";
import type { SystemSpec } from "../../systems/fleet.ts";
import { type DeployUserOptions, type DeployUserScene, type Signer, USER } from "../deploy-user.ts";
import { type Attempt, failed, refusedBecause, type Thief } from "./thief.ts";

const TOKEN = "0123456789abcdef";

/** Paths in the host's store, put there before anything is tried. */
export interface Prepared {
  readonly ofAnotherHost: string;
  readonly ofAnotherNode: string;
  readonly nameless: string;
  readonly unsigned: string;
  readonly byAStranger: string;
  readonly byAPublicCache: string;
  readonly byTheHostItself: string;
  readonly halfSigned: string;
  readonly byContent: string;
  readonly builtHere: string;
}

/** Puts each of them there, by root, past signatures: but for two that the deploy user can bring by itself. */
export async function prepare(ours: DeployUserScene, name: string): Promise<Prepared> {
  const deliver = async (spec: SystemSpec & { version: string }, signer?: Signer, options: DeployUserOptions = {}) => {
    const path = await ours.make(name, ours.spec(spec, { requireSignature: true, ...options }), signer);
    await ours.deliver(path, name);
    return path;
  };
  const halfSigned = await deliver({ version: "half" });
  await ours.sign(halfSigned, "fleet", { recursive: false });
  await ours.deliverSignatures(halfSigned, name);
  return {
    ofAnotherHost: await deliver({ version: "other", hostName: "elsewhere" }, "fleet"),
    ofAnotherNode: await deliver({ version: "node" }, "fleet", { node: "elsewhere" }),
    nameless: await deliver({ version: "nameless", hostName: "" }, "fleet"),
    unsigned: await deliver({ version: "unsigned" }),
    byAStranger: await deliver({ version: "stranger" }, "stranger"),
    byAPublicCache: await deliver({ version: "public" }, "public"),
    byTheHostItself: await deliver({ version: "own" }, "host"),
    halfSigned,
    byContent: await ours.scene.deployer.output(contentAddressed(name)),
    builtHere: await ours.scene.deployer.output(built(name)),
  };
}

/** Everything that begins, or keeps, or runs a part of a release. */
function everyVerb(path: string): readonly string[] {
  return [
    ...["test", "switch", "boot"].map((action) => `begin thief-${action} action=${action} release=${path}`),
    `begin thief-no action=switch release=${path} require-signature=no`,
    `stage ${path} no no`,
    `dry-activate ${path} no no`,
  ];
}

/** One each of those that begin, keep and run. */
const someVerbs = (path: string) => everyVerb(path).filter((words) => /-switch|^stage|^dry/.test(words));

async function refusedWhole(thief: Thief, path: string, reason: string): Promise<void> {
  for (const words of everyVerb(path)) refusedBecause(reason, await thief.ssh([], `bungee-activator ${words}`, TOKEN));
}

export const releaseAttempts = (prepared: () => Prepared): Readonly<Record<string, Attempt>> => ({
  "another host's system, signed": (thief) => refusedWhole(thief, prepared().ofAnotherHost, "other-host"),
  "another node's system with the same host name, signed": (thief) =>
    refusedWhole(thief, prepared().ofAnotherNode, "other-host"),
  "a system without a name, signed": (thief) => refusedWhole(thief, prepared().nameless, "other-host"),
  "another host's system, as if its name were to change": async (thief) => {
    const { ofAnotherHost: path } = prepared();
    const words = [
      `begin thief-any action=switch release=${path} any-host=yes`,
      `stage ${path} yes no`,
      `dry-activate ${path} yes no`,
    ];
    for (const each of words) refusedBecause("restricted", await thief.ssh([], `bungee-activator ${each}`, TOKEN));
  },
  "a system that nobody signed": (thief) => refusedWhole(thief, prepared().unsigned, "not-signed"),
  "a system that a stranger signed": (thief) => refusedWhole(thief, prepared().byAStranger, "not-signed"),
  "a system that only a public cache signed": (thief) => refusedWhole(thief, prepared().byAPublicCache, "not-signed"),
  "a system that only the host itself signed": (thief) => refusedWhole(thief, prepared().byTheHostItself, "not-signed"),
  "a signed system with a part that nobody signed": (thief) => refusedWhole(thief, prepared().halfSigned, "not-signed"),
  "a system addressed by its content, brought by the thief": (thief) =>
    refusedWhole(thief, prepared().byContent, "not-signed"),
  "a system that the thief had the host build": (thief) => refusedWhole(thief, prepared().builtHere, "not-signed"),
  "a path outside of the store, or on the way out of it": async (thief) => {
    const hash = "a".repeat(32);
    const paths = [
      "/etc",
      "/",
      "/tmp/x",
      "/root/secret",
      "/nix/store",
      "/nix/store/..",
      `/nix/store/../../etc/${hash}-x`,
      `/nix/store/${hash}-x/../../../etc`,
      `${prepared().unsigned}/../../../etc`,
      `${prepared().unsigned}/`,
      `//nix/store/${hash}-x`,
      "nix/store/x",
      "-x",
      "",
    ];
    for (const path of paths) {
      for (const words of someVerbs(path)) {
        const result = await thief.ssh([], `bungee-activator ${words}`, TOKEN);
        // What is left of `stage  no no` without its path are two spaces.
        const code = (JSON.parse(result.stdout) as { error: string }).error;
        assert.ok(code === "usage" || (path === "" && code === "restricted"), `${words}: ${result.stdout}`);
      }
    }
  },
  "a path that is not there, or is no system": async (thief) => {
    const nothing = `/nix/store/${"a".repeat(32)}-x`;
    await refusedWhole(thief, nothing, "not-valid");
    await refusedWhole(thief, `/nix/store/${".".repeat(32)}-x`, "not-valid");
    const kernel = await thief.host.output("readlink -f /run/current-system/kernel-modules");
    for (const words of someVerbs(kernel)) {
      const { stdout } = await thief.ssh([], `bungee-activator ${words}`, TOKEN);
      assert.match(stdout, /"error":"not-(signed|nixos)"/);
    }
  },
});

/** What is addressed by its content stays in the host's store: nix lets anybody bring that. */
export const brought: Readonly<Record<string, Attempt>> = {
  "a system that nobody, or a stranger, signed": async (thief) => {
    for (const signer of [undefined, "stranger"] as const) {
      const path = await thief.ours.make(thief.host.name, thief.ours.spec({ version: `brought-${signer}` }), signer);
      const result = await thief.local(copy(thief, path));
      failed(result);
      assert.match(result.stderr, /lacks a (valid signature|signature by a trusted key)/);
      failed(await thief.host.run(["nix-store", "--check-validity", path]));
    }
  },
};

/** The host's store, as the deploy user reaches it by nix's own means. */
const store = (name: string) => `ssh-ng://${USER}@${name}?ssh-key=/root/.ssh/${USER}`;
const copy = (thief: Thief, path: string) => ["nix", "copy", "--no-check-sigs", "--to", store(thief.host.name), path];

/** A script that brings what the activator would take for a system, and gives its path. Its host's name leads to what the thief wants to read. */
export const contentAddressed = (name: string) => `
  rm -rf fake; mkdir -p fake/bin fake/etc/bungee
  printf '#!/bin/sh\ncat /root/secret; touch /etc/pwned\n' >fake/bin/switch-to-configuration
  chmod 755 fake/bin/switch-to-configuration
  echo 1 >fake/nixos-version
  ln -s /root/secret fake/etc/hostname
  ln -s /root/secret fake/etc/bungee/node
  path=$(nix store add-path --name nixos-system-fake fake)
  nix copy --no-check-sigs --to '${store(name)}' "$path"
  echo "$path"`;

/** A script that has the host build a system, and gives its path. */
const built = (name: string) => `
  cat >built.nix <<'NIX'
  derivation {
    name = "nixos-system-built"; system = builtins.currentSystem; builder = "/bin/sh"; PATH = "/usr/bin:/bin";
    args = [ "-c" ''
      mkdir -p $out/bin $out/etc/bungee
      printf '#!/bin/sh\ntouch /etc/pwned\n' >$out/bin/switch-to-configuration
      chmod 755 $out/bin/switch-to-configuration
      echo ${name} | tee $out/etc/hostname $out/etc/bungee/node >$out/nixos-version
    '' ];
  }
NIX
  drv=$(nix-instantiate built.nix 2>/dev/null)
  nix copy --derivation --no-check-sigs --to '${store(name)}' "$drv"
  nix-store --realise --store '${store(name)}' "$drv" 2>/dev/null`;
