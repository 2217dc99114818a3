/** Runs on one host, by the activator's verbs alone. */
import assert from "node:assert/strict";
import { Activator, type BeginRequest } from "../../src/activator/activator.ts";
import { isFinal, type RunState, type RunStatus } from "../../src/activator/protocol.ts";
import { Scene, untilQuiet } from "../e2e/scene.ts";
import type { Host } from "../lab/host.ts";
import type { Release } from "../lab/rootfs.ts";
import { direct } from "./direct.ts";

export const TOKEN = "0123456789abcdef0123456789abcdef";

export class Runs implements AsyncDisposable {
  readonly scene: Scene;
  readonly host: Host;
  readonly activator: Activator;
  #serial = 0;

  private constructor(scene: Scene) {
    this.scene = scene;
    this.host = scene.host("web1");
    this.activator = new Activator(direct(this.host));
  }

  static async open(release: Release, { installed = true } = {}): Promise<Runs> {
    return new Runs(await Scene.open({ hosts: ["web1"], hostRelease: release, installed }));
  }

  request(release: string, more: Partial<BeginRequest> = {}): BeginRequest {
    this.#serial += 1;
    return {
      run: `run-${this.#serial}`,
      token: TOKEN,
      action: "switch",
      release,
      activationTimeout: 15,
      confirmationTimeout: 2,
      rollback: true,
      reboot: "no",
      mayReboot: true,
      anyHost: false,
      allowFailedUnits: false,
      requireSignature: false,
      actor: "tester",
      ...more,
    };
  }

  /** Follows a run until one of the states, or its end. */
  async follow(status: RunStatus, ...until: RunState[]): Promise<RunStatus> {
    const cursor = { offset: 0 };
    let now = status;
    while (!until.includes(now.state) && !isFinal(now.state)) {
      now = await this.activator.follow(status.run, cursor, now.state, () => {});
    }
    return now;
  }

  /** Begins a run, confirms it, and waits until it is permanent. */
  async commit(request: BeginRequest): Promise<void> {
    const begun = await this.activator.begin(request);
    await this.follow(begun, "awaiting-confirmation");
    await this.activator.confirm(begun.run, TOKEN);
    assert.equal((await this.follow(begun)).state, "committed");
  }

  /** Begins a run that must end rolled back, with the host as it was. */
  async snapsBack(broken: BeginRequest, disturb?: (status: RunStatus) => Promise<void>): Promise<RunStatus> {
    const before = await this.host.triple();
    const status = await this.activator.begin(broken);
    await disturb?.(status);
    const ended = await this.follow(status);
    assert.equal(ended.state, "rolled-back", ended.message ?? "");
    const now = await this.host.triple();
    assert.deepEqual(now, { ...before, booted: now.booted });
    await this.nothingLeft();
    return ended;
  }

  async nothingLeft(): Promise<void> {
    await untilQuiet(this.host);
    assert.equal(await this.host.output("ls /nix/var/nix/gcroots/bungee"), "");
    const left = `ls -d /etc/systemd/system.control 2>/dev/null
      systemctl list-units --all --plain --no-legend 'bungee-*' 'nixos-rebuild-*'`;
    assert.equal(
      await this.host.output(`for i in $(seq 1 50); do [ -n "$(${left})" ] || exit 0; sleep 0.1; done; ${left}`),
      "",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
  }
}
