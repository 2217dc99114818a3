/** A scene in which the deployer logs in as a deploy user: its key, the keys that sign, and the hosts that know both. */
import type { SystemSpec } from "../systems/fleet.ts";
import { Scene, type SceneOptions } from "./scene.ts";

/** The deploy user's name on the hosts, and the file of its key in the deployer's ~/.ssh. */
export const USER = "ci";
/**
 * Whose signatures there are: of the fleet's own key, a stranger's, a public cache's, and the host's, which signs what it builds. The hosts
 * trust all but the stranger's. The secret halves are files of the deployer: `signerFile`.
 */
const SIGNERS = ["fleet", "stranger", "public", "host"] as const;
export type Signer = (typeof SIGNERS)[number];
const TRUSTED: readonly Signer[] = ["fleet", "public", "host"];
const signerFile = (signer: Signer) => `/root/${signer}.key`;

export interface DeployUserOptions {
  readonly trusted?: boolean;
  readonly requireSignature?: boolean;
  readonly node?: string;
  /** More lines of nix.conf. */
  readonly nixConf?: string;
  /** More lines of sudoers and of sshd_config, before ours. */
  readonly sudoConf?: string;
  readonly sshdConf?: string;
}

export class DeployUserScene {
  readonly scene: Scene;
  readonly #authorizedKey: string;
  readonly #signers: readonly string[];
  readonly #options: DeployUserOptions;

  private constructor(scene: Scene, authorizedKey: string, signers: readonly string[], options: DeployUserOptions) {
    this.scene = scene;
    this.#authorizedKey = authorizedKey;
    this.#signers = signers;
    this.#options = options;
  }

  /** Hosts whose factory system has the deploy user already. @param more for the factory system alone, by host */
  static async open(
    sceneOptions: SceneOptions,
    options: DeployUserOptions = {},
    more: Readonly<Record<string, DeployUserOptions>> = {},
  ): Promise<DeployUserScene> {
    const scene = await Scene.open({ ...sceneOptions, installed: false });
    const { deployer } = scene;
    await deployer.output([
      "ssh-keygen",
      "-q",
      "-t",
      "ed25519",
      "-N",
      "",
      "-C",
      "ci@forge",
      "-f",
      `/root/.ssh/${USER}`,
    ]);
    for (const signer of SIGNERS) {
      const file = signerFile(signer);
      const name = signer === "public" ? "cache.nixos.org-9" : `${signer}-1`;
      await deployer.output(["nix-store", "--generate-binary-cache-key", name, file, `${file}.pub`]);
    }
    const ours = new DeployUserScene(
      scene,
      await deployer.output(["cat", `/root/.ssh/${USER}.pub`]),
      (await deployer.output(["cat", ...TRUSTED.map((signer) => `${signerFile(signer)}.pub`)])).match(/\S+?:[^=]+=/g) ??
        [],
      options,
    );
    await scene.install(
      Object.fromEntries(sceneOptions.hosts.map((name) => [name, ours.spec({ version: "1" }, more[name])])),
    );
    return ours;
  }

  /** A system that goes on having the deploy user, deployed as that user. */
  spec(spec: SystemSpec = {}, options: DeployUserOptions = {}): SystemSpec {
    return {
      ...spec,
      bungee: { user: USER, identityFile: `~/.ssh/${USER}`, ...spec.bungee },
      deployUser: { authorizedKeys: [this.#authorizedKey], signers: this.#signers, ...this.#options, ...options },
    };
  }

  /** Writes the fleet, and signs a node's system when somebody is named. Gives its path. */
  async make(name: string, spec: SystemSpec, signer?: Signer): Promise<string> {
    const { scene } = this;
    await scene.write({ [name]: spec });
    const path = await scene.build(name);
    if (signer !== undefined) await this.sign(path, signer);
    return path;
  }

  /** Signs a path and all that it needs, in the deployer's store. */
  async sign(path: string, signer: Signer, { recursive = true } = {}): Promise<void> {
    const command = [
      "nix",
      "store",
      "sign",
      ...(recursive ? ["--recursive"] : []),
      "--key-file",
      signerFile(signer),
      path,
    ];
    await this.scene.deployer.output(command);
  }

  /** Copies a path and all that it needs into a host's store with its signatures, as root. */
  async deliver(path: string, name: string): Promise<void> {
    await this.scene.deployer.output(["nix", "copy", "--no-check-sigs", "--to", `ssh-ng://${name}`, path]);
    await this.deliverSignatures(path, name);
  }

  async deliverSignatures(path: string, name: string): Promise<void> {
    const store = ["--substituter", "auto", "--store", `ssh-ng://${name}`];
    await this.scene.deployer.output(["nix", "store", "copy-sigs", "--recursive", ...store, path]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
  }
}
