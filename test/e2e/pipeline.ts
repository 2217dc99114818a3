/**
 * A fleet made from the template `ci` as its README says: filled in, locked, deployed the first time by an operator. Then its repository,
 * its secrets, and workstations that are runners.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Release } from "../lab/rootfs.ts";
import type { Workstation } from "../lab/workstation.ts";
import { flakeLock, SYSTEM, templateFolder, writeStandins } from "../templates/standins.ts";
import { Machine } from "./runner/machine.ts";
import { Scene } from "./scene.ts";

export const HOSTS = ["cache", "web1", "web2"] as const;
export const REPOSITORY = "/root/fleet";
const INPUTS = "/root/inputs";

export interface Secrets {
  readonly DEPLOY_SSH_KEY: string;
  readonly SIGNING_KEY: string;
}

export class PipelineScene implements AsyncDisposable {
  readonly scene: Scene;
  readonly secrets: Secrets;
  readonly knownHosts: string;

  private constructor(scene: Scene, secrets: Secrets, knownHosts: string) {
    this.scene = scene;
    this.secrets = secrets;
    this.knownHosts = knownHosts;
  }

  /** Step by step as templates/ci/README.md has it. */
  static async open(
    releases: { readonly hosts: Release; readonly deployer: Release },
    forge = "github",
  ): Promise<PipelineScene> {
    const scene = await Scene.open({ hosts: HOSTS, hostRelease: releases.hosts, deployerRelease: releases.deployer });
    const { deployer } = scene;
    const read = (file: string) => readFileSync(deployer.path(file), "utf8");
    await deployer.output([
      "bungee",
      "init",
      "--template",
      "ci",
      "--ci",
      forge,
      "--directory",
      await emptied(deployer),
    ]);
    await deployer.output(`
      ssh-keygen -q -t ed25519 -N "" -C ci -f deploy_key
      nix key generate-secret --key-name fleet-1 >fleet.key
      nix key convert-secret-to-public <fleet.key >fleet.pub
      cp .ssh/known_hosts ${REPOSITORY}/ci/known_hosts`);
    writeStandins({ here: deployer.path(INPUTS), there: INPUTS });
    const edit = (file: string, change: (text: string) => string) => {
      const text = read(`${REPOSITORY}/${file}`);
      const changed = change(text);
      if (changed === text) throw new Error(`${file}: there is nothing to fill in`);
      writeFileSync(deployer.path(`${REPOSITORY}/${file}`), changed);
    };
    edit("keys.nix", (text) =>
      text
        .replace("ssh-ed25519 AAAA… ci", read("/root/deploy_key.pub").trim())
        .replace("fleet-1:AAAA=", read("/root/fleet.pub").trim()),
    );
    for (const host of HOSTS) edit(`hosts/${host}.nix`, (text) => text.replaceAll(".example.org", ""));
    if (SYSTEM !== "x86_64-linux") edit("flake.nix", (text) => text.replaceAll("x86_64-linux", SYSTEM));
    const lock = await flakeLock(
      read(`${REPOSITORY}/flake.nix`),
      { here: deployer.path(INPUTS), there: INPUTS },
      (argv) => deployer.output(["nix", ...argv]),
    );
    writeFileSync(deployer.path(`${REPOSITORY}/flake.lock`), lock);
    const secrets = { DEPLOY_SSH_KEY: read("/root/deploy_key").trim(), SIGNING_KEY: read("/root/fleet.key").trim() };
    const ours = new PipelineScene(scene, secrets, read("/root/.ssh/known_hosts"));
    await ours.commit("main", "1");
    for (const command of operatorsCommands()) {
      const { code, stdout, stderr } = await deployer.run(command, { cwd: REPOSITORY, stdin: "" });
      if (code !== 0) throw new Error(`${command}\n${stdout}${stderr}`);
    }
    rmSync(deployer.path("/root/fleet.key"));
    return ours;
  }

  /** Commits all that is there, and a version that the hosts say in /etc/fleet-version. Gives the commit. */
  async commit(branch: string, version: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
    const { deployer } = this.scene;
    const write = (file: string, text: string) => writeFileSync(deployer.path(join(REPOSITORY, file)), text);
    write("modules/version.nix", `{ environment.etc."fleet-version".text = "${version}\\n"; }\n`);
    const base = readFileSync(deployer.path(`${REPOSITORY}/modules/base.nix`), "utf8");
    write("modules/base.nix", base.replace(/imports = \[ .*\];/, "imports = [ ./hardware.nix ./version.nix ];"));
    for (const [file, text] of Object.entries(files)) write(file, text);
    return await deployer.output(
      `
      [ -d .git ] || git init --quiet --initial-branch main
      git checkout --quiet -B ${branch}
      git add --all
      git -c user.name=test -c user.email=test@localhost commit --quiet --message ${version}
      git rev-parse HEAD`,
      { cwd: REPOSITORY },
    );
  }

  /** The deployer as a runner: no key, no known hosts, no settings of its own. */
  runner(): Machine {
    for (const file of ["id_ed25519", "id_ed25519.pub", "config", "known_hosts"])
      rmSync(this.scene.deployer.path(`/root/.ssh/${file}`), { force: true });
    return new Machine(this.scene.deployer);
  }

  /** Another runner, with another nix; `bringUp` gives it what was committed since. */
  async otherRunner(release: Release): Promise<{ readonly machine: Machine; bringUp(): void }> {
    const workstation = await this.scene.lab.workstation({ release });
    for (const file of ["id_ed25519", "id_ed25519.pub", "config", "known_hosts"])
      rmSync(workstation.path(`/root/.ssh/${file}`), { force: true });
    const bring = (from: string) =>
      cpSync(this.scene.deployer.path(from), workstation.path(from), { recursive: true, verbatimSymlinks: true });
    bring(INPUTS);
    return { machine: new Machine(workstation), bringUp: () => bring(REPOSITORY) };
  }

  /** What each host says that it runs. */
  async versions(): Promise<Record<string, string>> {
    const entries = HOSTS.map(async (name) => [name, await this.scene.host(name).output("cat /etc/fleet-version")]);
    return Object.fromEntries(await Promise.all(entries));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
  }
}

/** The README's own lines of the first deployments. */
function operatorsCommands(): string[] {
  const readme = readFileSync(join(templateFolder("ci"), "README.md"), "utf8");
  const [, block = ""] = /^5\..*?```console\n(.*?)```/ms.exec(readme) ?? [];
  const commands = [...block.matchAll(/^ *\$ (.*)$/gm)].map(([, command]) => command!);
  if (commands.length < 3) throw new Error("the README has no step 5 any more");
  return commands;
}

/** Where the scene wrote the fleet of the factory's systems. */
async function emptied(deployer: Workstation): Promise<string> {
  await deployer.output(`rm -rf ${REPOSITORY}; mkdir ${REPOSITORY}`);
  return REPOSITORY;
}
