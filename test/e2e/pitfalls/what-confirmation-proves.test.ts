/** A confirmation says: reached by a new connection, runs what was sent, and nothing fails that ran before. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Deployment, Scene, skip } from "../scene.ts";

const broken = { serviceConfig: { Type: "oneshot" }, script: "exit 1" };
const diesSoon = { wantedBy: ["multi-user.target"], script: "sleep 1; exit 1" };

describe("P8: a confirmation proves that the host is well", { skip }, () => {
  let scene: Scene;
  let deployment: Deployment;

  before(async () => {
    scene = await Scene.open({ hosts: ["web1", "web2", "web3", "web4"] });
    await scene.write({
      // Whoever is logged in stays logged in, and could go on saying that all is well.
      web1: { version: "2", behaviour: "stops-sshd" },
      // When the host is back after three seconds, a unit of it is dead.
      web2: {
        version: "2",
        behaviour: "interrupts-network",
        arguments: { seconds: 3 },
        config: { systemd: { services: { "short-lived": diesSoon } } },
        // As long as it takes to be seen once more after that.
        bungee: { confirmation: { timeout: 15 } },
      },
      // The switch says that it went well, and something has put the old system back.
      web3: {
        version: "2",
        config: {
          standin: { faults: { started: "ln -sfn $(readlink -f /nix/var/nix/profiles/system) /run/current-system" } },
        },
      },
      // What failed before is not the release's fault.
      web4: { version: "2", config: { systemd: { services: { "long-broken": broken } } } },
    });
    const web4 = scene.host("web4");
    await web4.output(
      "systemd-run --unit=long-broken false; until systemctl is-failed long-broken; do sleep 0.1; done",
    );
    // A session that ssh shares with everybody who comes later.
    await scene.deployer.output(
      `printf 'Host *\\n  ControlMaster auto\\n  ControlPath /run/%%C\\n  ControlPersist 600\\n' >>~/.ssh/config; ssh web1 true`,
    );
    assert.match((await scene.deployer.run("ssh -O check web1 2>&1")).stdout, /Master running/);
    deployment = await scene.deploy("--all");
  });
  after(() => scene?.[Symbol.asyncDispose]());

  const rolledBack = async (name: string, because: RegExp) => {
    const outcome = deployment.outcomes[name];
    assert.ok(outcome?.kind === "rolled-back" && outcome.verified, JSON.stringify(outcome));
    assert.match(`${outcome.why.message} ${outcome.why.detail}`, because);
    assert.equal(await scene.host(name).output("cat /run/app/version"), "1");
  };

  test("sshd is dead, and a session from before lives on: rolled back", () => rolledBack("web1", /nobody confirmed/));
  test("a unit fails that did not fail before: rolled back, and it is named", () => rolledBack("web2", /short-lived/));
  test("another system runs than the one that was sent: rolled back", () =>
    rolledBack("web3", /not the release|activation/));
  test("a unit that failed before is nobody's fault: confirmed", () => {
    assert.equal(deployment.outcomes.web4?.kind, "confirmed", JSON.stringify(deployment.outcomes.web4));
  });
});
