/** 2. Systems that break their host, all deployed at once with `switch`: each host is back where it was, and the others are done. */
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { State } from "../lab/state.ts";
import type { Behaviour, SystemSpec } from "../systems/fleet.ts";
import { type Deployment, Scene, skip } from "./scene.ts";

/** What the operator must be told: the outcome, and the reason where there is one to tell. */
interface Case {
  readonly behaviour: Behaviour;
  readonly kind: "confirmed" | "rolled-back" | "failed";
  readonly why?: string | RegExp;
  readonly arguments?: Readonly<Record<string, unknown>>;
  /** The address that the system moves to, by its last byte; `listed`: the node names it. */
  readonly moves?: { readonly last: number; readonly listed: boolean };
  readonly bungee?: Readonly<Record<string, unknown>>;
}

const back = (behaviour: Behaviour, why: string | RegExp, more: Partial<Case> = {}): Case => ({
  behaviour,
  kind: "rolled-back",
  why,
  ...more,
});
const confirmed = (behaviour: Behaviour, more: Partial<Case> = {}): Case => ({ behaviour, kind: "confirmed", ...more });
const refused = (behaviour: Behaviour, why: string): Case => ({ behaviour, kind: "failed", why });

const CASES: Readonly<Record<string, Case>> = {
  "cuts the network": back("cuts-network", "unconfirmed"),
  "drops every packet": back("drops-packets", "unconfirmed"),
  "moves to an address that the node lists": confirmed("changes-address", { moves: { last: 201, listed: true } }),
  "moves to an address that nobody knows": back("changes-address", "unconfirmed", {
    moves: { last: 202, listed: false },
  }),
  "is away for three seconds": confirmed("interrupts-network", { arguments: { seconds: 3 } }),
  "stops sshd": back("stops-sshd", "unconfirmed"),
  "restarts sshd": confirmed("restarts-sshd"),
  "removes the key": back("removes-key", "unconfirmed"),
  "refuses sudo": back("refuses-sudo", "unconfirmed", { bungee: { user: "deploy", identityFile: "~/.ssh/deploy" } }),
  "hangs in activation": back("hangs", "activation-timeout", { bungee: { activation: { timeout: 8 } } }),
  "hangs in a unit": back("hangs-in-unit", "activation-timeout", { bungee: { activation: { timeout: 8 } } }),
  "takes longer than the confirmation timeout, and is fine": confirmed("slow", {
    arguments: { seconds: 14 },
    bungee: { confirmation: { timeout: 12 } },
  }),
  "exits 1 before activation": back("exits-before", "activation-failed"),
  "exits 1 in the middle": back("exits-midway", "activation-failed"),
  "exits 1 after activation": back("exits-after", "activation-failed"),
  "fails to activate (exit 2)": back("fails-to-activate", "activation-failed"),
  "fails to reload systemd (exit 3)": back("fails-to-reload", "activation-failed"),
  "leaves a unit failed (exit 4)": back("leaves-unit-failed", "failed-units"),
  "needs another init (exit 100)": back("new-init", "init-changed"),
  "is killed in mid-switch": back("killed", "activation-killed"),
  "kills every process": back("kills-everything", /^(killed|activation-killed)$/),
  "fills the disk": back("fills-disk", "activation-failed"),
  "resets the host in mid-activation": back("resets", "host-reset"),
  "fails in the boot step": back("fails-boot-step", "boot-step"),
  "fails in the boot step when the menu is written": back("fails-after-boot-step", "boot-step"),
  "is another host's system": refused("other-host", "refused"),
  "is no NixOS system": refused("not-nixos", "refused"),
  "does not build": refused("fails-to-build", "build"),
  "does not evaluate": refused("fails-to-evaluate", "evaluation"),
  "is fine": confirmed("ordinary"),
};

const neighbour = (address: string, last: number) => address.replace(/\d+$/, String(last));

const names = new Map(Object.keys(CASES).map((title, index) => [title, `host${index + 1}`]));
const nameOf = (title: string): string => names.get(title)!;

describe("systems that break their host", { skip }, () => {
  let scene: Scene;
  let deployment: Deployment;
  const earlier = new Map<string, { state: State; units: string }>();

  before(async () => {
    scene = await Scene.open({ hosts: [...names.values()] });
    for (const host of scene.hosts.values()) {
      earlier.set(host.name, { state: await host.triple(), units: await units(host.name) });
    }
    await scene.write(
      Object.fromEntries(Object.entries(CASES).map(([title, which]) => [nameOf(title), spec(title, which)])),
    );
    await scene.deployer.output(["sh", "-c", 'printf "%s\\n" "$@" >>~/.ssh/known_hosts', "sh", ...listedAddresses()]);
    // All are asked at once, on the machine that they all run on.
    appendFileSync(scene.deployer.path("/root/.ssh/config"), "  ConnectTimeout 60\n");
    deployment = await scene.deploy("--all", "--parallel", "12");
  });
  after(() => scene?.[Symbol.asyncDispose]());

  /** The operator knows the hosts' keys under all addresses that the nodes list, as ssh wants it. */
  const listedAddresses = () =>
    Object.entries(CASES).flatMap(([title, { moves }]) => {
      const host = scene.host(nameOf(title));
      return moves?.listed ? [`${neighbour(host.address, moves.last)} ${host.hostKey}`] : [];
    });

  const units = (name: string) =>
    scene
      .host(name)
      .output(
        "systemctl list-units --plain --no-legend --state=active,failed network-lab.service app.service ssh.service nix-daemon.socket | awk '{ print $1, $3, $4 }' && cat /run/app/version",
      );

  function spec(title: string, { behaviour, kind, arguments: given, moves, bungee }: Case): SystemSpec {
    const { address } = scene.host(nameOf(title));
    const other = moves && neighbour(address, moves.last);
    return {
      version: "2",
      behaviour,
      arguments: other ? { address: other } : (given ?? {}),
      bungee: {
        activation: { timeout: 60 },
        confirmation: { timeout: kind === "confirmed" ? 60 : 12 },
        ...(moves?.listed ? { addresses: [nameOf(title), other] } : {}),
        ...bungee,
      },
    };
  }

  test("the deployment as a whole failed, and every host was tried", () => {
    assert.equal(deployment.code, 1, deployment.stderr);
    assert.deepEqual(Object.keys(deployment.outcomes).sort(), [...names.values()].sort());
  });

  for (const [title, { kind, why, moves }] of Object.entries(CASES)) {
    test(`a system that ${title}: ${kind}`, async () => {
      const host = scene.host(nameOf(title));
      const outcome = deployment.outcomes[host.name];
      assert.equal(outcome?.kind, kind, JSON.stringify(outcome));
      const now = await host.triple();
      if (outcome.kind === "confirmed") {
        assert.deepEqual(
          [now.running, now.profile, now.bootDefault],
          [outcome.release, outcome.release, outcome.release],
        );
        return;
      }
      assert.ok(outcome.kind === "rolled-back" || outcome.kind === "failed");
      assert.match(outcome.why.code, typeof why === "string" ? new RegExp(`^${why}$`) : why!);
      assert.ok(outcome.why.mend.length > 0);
      const { state, units: before } = earlier.get(host.name)!;
      assert.deepEqual(now, { ...state, booted: now.booted });
      assert.equal(await units(host.name), before);
      if (outcome.kind === "rolled-back") {
        assert.ok(outcome.verified, "bungee itself saw that the host is back");
        assert.deepEqual(outcome.restored, {
          running: state.running,
          profile: state.profile,
          bootDefault: state.bootDefault,
        });
      }
      assert.equal((await host.ssh("true")).code, 0, "reachable again");
      assert.equal(moves?.listed ?? false, false);
    });
  }
});
