/** A good deploy outlives a host that is away for a while after its activation; a host that stays away holds nobody up. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { SystemSpec } from "../../systems/fleet.ts";
import { type Deployment, Scene, skip } from "../scene.ts";

/** A firewall that is loaded anew: for some seconds every packet is dropped in silence. */
const firewallReload = (seconds: number): NonNullable<SystemSpec["config"]> => ({
  systemd: {
    services: {
      "firewall-reload": {
        wantedBy: ["multi-user.target"],
        script: `
          nft add table inet reload
          nft 'add chain inet reload input { type filter hook input priority 0; policy drop; }'
          nft add rule inet reload input iif lo accept
          sleep ${seconds}
          nft delete table inet reload
          exec sleep infinity`,
        postStop: "nft delete table inet reload 2>/dev/null || :",
      },
    },
  },
});

const restartsSshd = {
  overrideStrategy: "asDropin",
  stopIfChanged: false,
  serviceConfig: { ExecStartPre: "/bin/sleep 4" },
};

/** Keys that come from a slow directory: sshd looks one up when it is offered, and again when it is used. */
const slowLogins = (seconds: number): NonNullable<SystemSpec["config"]> => ({
  environment: {
    etc: {
      "ssh/sshd_config.d/00-slow.conf": {
        text: `
          AuthorizedKeysFile none
          AuthorizedKeysCommand /bin/sh -c "sleep ${seconds / 2}; cat /etc/ssh/authorized_keys.d/$0" %u
          AuthorizedKeysCommandUser root`,
        mode: "0444",
      },
    },
  },
  systemd: { services: { ssh: { ...restartsSshd, serviceConfig: {} } } },
});

describe("P7: confirmation is tried again until its time is over, at every address", { skip }, () => {
  let scene: Scene;
  let deployment: Deployment;

  before(async () => {
    scene = await Scene.open({ hosts: ["web1", "web2", "web3", "web4", "web5"] });
    const web3 = scene.host("web3");
    const moved = web3.address.replace(/\d+$/, "211");
    await scene.deployer.output(["sh", "-c", 'echo "$1" >>~/.ssh/known_hosts', "sh", `${moved} ${web3.hostKey}`]);
    const confirmation = { timeout: 25 };
    await scene.write({
      web1: { version: "2", config: firewallReload(6), bungee: { confirmation } },
      web2: { version: "2", config: { systemd: { services: { ssh: restartsSshd } } }, bungee: { confirmation } },
      web3: {
        version: "2",
        behaviour: "changes-address",
        arguments: { address: moved },
        config: { systemd: { services: { ssh: restartsSshd } } },
        bungee: { confirmation, addresses: ["web3", moved] },
      },
      web4: { version: "2", behaviour: "drops-packets" },
      web5: { version: "2", config: slowLogins(7), bungee: { confirmation: { timeout: 40 } } },
    });
    deployment = await scene.deploy("--all");
  });
  after(() => scene?.[Symbol.asyncDispose]());

  const confirmed = async (name: string) => {
    const outcome = deployment.outcomes[name];
    assert.equal(outcome?.kind, "confirmed", JSON.stringify(outcome));
    assert.equal(await scene.host(name).output("cat /run/app/version"), "2");
  };

  test("a firewall that is reloaded drops all for six seconds", () => confirmed("web1"));
  test("sshd takes four seconds to come back", () => confirmed("web2"));
  test("the host has another address, and sshd takes its time", () => confirmed("web3"));
  test("nobody gets in before seven seconds are over", () => confirmed("web5"));
  test("a host that drops all for ever is given up, and goes back", async () => {
    const outcome = deployment.outcomes.web4;
    assert.ok(outcome?.kind === "rolled-back" && outcome.verified, JSON.stringify(outcome));
    assert.equal(outcome.why.code, "unconfirmed");
    assert.equal(await scene.host("web4").output("cat /run/app/version"), "1");
  });
});

/** Nobody who was logged in before stays so, and the way back takes its time: until its end, nobody can see how it goes. */
const endsSessions: NonNullable<SystemSpec["config"]> = {
  systemd: {
    services: {
      "ends-sessions": {
        wantedBy: ["multi-user.target"],
        script: `
          sessions=$(grep -lx sshd-session /proc/[0-9]*/comm | cut -d / -f 3)
          sleep 3
          kill $sessions || :
          exec sleep infinity`,
        postStop: "sleep 12",
      },
    },
  },
};

test("P7: an sshd that shuts out who fails too often has no reason to, and the deployer sees why nobody gets in", {
  skip,
}, async () => {
  // Debian 12 has an sshd that forgets.
  await using scene = await Scene.open({ hosts: ["web1"], hostRelease: "trixie" });
  const bungee = { confirmation: { timeout: 15 } };
  await scene.write({ web1: { version: "2", behaviour: "removes-key", config: endsSessions, bungee } });
  const { outcomes } = await scene.deploy("web1");
  const { web1 } = outcomes;
  assert.ok(web1?.kind === "rolled-back" && web1.verified, JSON.stringify(web1));
  assert.match(web1.why.detail ?? "", /web1 does not let root in/);
  const dropped = await scene.host("web1").run("journalctl -b -o cat -u ssh.service | grep -c 'penalty:'");
  assert.equal(dropped.stdout.trim(), "0");
});
