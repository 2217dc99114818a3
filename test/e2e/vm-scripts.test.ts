/** The scripts of the NixOS tests (test/vm), which need KVM there, done on hosts of the lab: what they ask for is so. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { capture, spawnTied } from "../lab/exec.ts";
import type { Host } from "../lab/host.ts";
import type { Release } from "../lab/rootfs.ts";
import { checkout } from "../lab/workstation.ts";
import type { SystemSpec } from "../systems/fleet.ts";
import { FLAKE, Scene, skip } from "./scene.ts";

const vm = join(checkout, "test", "vm");
const read = (...path: string[]) => readFileSync(join(...path), "utf8");

const oneshot = (unit: object) => ({
  wantedBy: ["multi-user.target"],
  serviceConfig: { Type: "oneshot", RemainAfterExit: "true" },
  ...unit,
});
const version = (text: string) => ({ environment: { etc: { version: { text: `${text}\n` } } } });
const unit = (name: string, settings: object) => ({ configuration: { systemd: { services: { [name]: settings } } } });

/** What test/vm/target.nix says, in the words of the stand-in. */
const TARGET = {
  ...version("1"),
  specialisation: {
    next: { configuration: version("2") },
    slow: unit("slow", oneshot({ script: "sleep 20" })),
    "no-network": unit("no-network", oneshot({ script: "ip link set host0 down", postStop: "ip link set host0 up" })),
    "no-sshd": unit("ssh", { enable: false }),
  },
};

describe("the scripts of the NixOS tests hold on hosts of the lab", { skip, concurrency: 2 }, () => {
  for (const script of ["snap-back", "test-branch"]) it(`${script}.py`, () => perform({ script }));

  it("deploy.py, by another nix", () => perform({ script: "deploy", release: "trixie" }));

  it("deploy-user.py", () =>
    perform({ script: "deploy-user", user: "deploy" }, async (host, key) => {
      // The lab has a user of that name, who may do anything.
      await host.output("userdel --force --remove deploy; sed -i /^deploy/d /etc/sudoers.d/lab");
      return { deployUser: { authorizedKeys: [key], name: "deploy", trusted: true } };
    }));
});

interface Performance {
  readonly script: string;
  /** Who logs in. */
  readonly user?: string;
  readonly release?: Release;
}

async function perform(
  { script, user = "root", release = "bookworm" }: Performance,
  prepare: (host: Host, key: string) => Promise<SystemSpec> = async () => ({}),
): Promise<void> {
  const releases = { hostRelease: release, deployerRelease: release };
  await using scene = await Scene.open({ hosts: ["target"], installed: false, ...releases });
  const host = scene.host("target");
  const { deployer } = scene;
  const more = await prepare(host, await deployer.output(["cat", "/root/.ssh/deploy.pub"]));
  await scene.install({ target: { ...more, config: TARGET } });

  const original = await scene.build("target");
  const fleet = { original, user, system: SYSTEM, shell: "/bin/sh", path: "/usr/bin:/bin", inputs: [original] };
  rmSync(deployer.path(FLAKE), { recursive: true });
  mkdirSync(deployer.path("/etc/fleet"));
  writeFileSync(deployer.path("/etc/fleet/flake.nix"), read(vm, "fleet.nix"));
  writeFileSync(deployer.path("/etc/fleet/fleet.json"), JSON.stringify(fleet));
  await deployer.output(["cp", user === "root" ? "/root/.ssh/id_ed25519" : "/root/.ssh/deploy", "/etc/fleet/key"]);

  const verbs: Readonly<Record<string, (command: string) => Promise<unknown>>> = {
    start: () => host.up(),
    shutdown: () => host.run("sync").then(() => host.down()),
    crash: () => host.down(),
    block: () => host.cut("drop"),
    unblock: () => host.heal(),
  };
  const python = spawnTied([
    "python3",
    "-u",
    "-c",
    `${read(import.meta.dirname, "vm", "driver.py")}${read(vm, "common.py")}${read(vm, `${script}.py`)}`,
  ]);
  const { stdin } = python;
  assert.ok(python.stdout && stdin);
  const done: string[] = [];
  createInterface({ input: python.stdout }).on("line", async (line) => {
    const { machine, verb, command, subtest } = JSON.parse(line);
    if (subtest !== undefined) return void done.push(subtest);
    // As the driver does it: by a shell of its own.
    const at = machine === "target" ? host : deployer;
    const answer =
      verb === "execute"
        ? await at.run(["bash", "-c", command])
        : { code: 0, stdout: String(await verbs[verb]?.(command)) };
    stdin.write(`${JSON.stringify({ code: answer.code, output: answer.stdout })}\n`);
  });
  const { code, stderr } = await capture(python).result;
  assert.equal(code, 0, `in “${done.at(-1)}”: ${stderr}`);
  assert.ok(done.length > 0);
}

const SYSTEM = process.arch === "arm64" ? "aarch64-linux" : "x86_64-linux";
