/** What ssh2 cannot reach is reached by the ssh of the deployer, by order or by itself; with the same promises. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Host } from "../lab/host.ts";
import { type Deployment, Scene, skip } from "./scene.ts";

/** A key exchange that ssh2 does not have, so that a login can only be openssh's. */
const POST_QUANTUM = "KexAlgorithms sntrup761x25519-sha512@openssh.com";

async function configureSshd(host: Host, ...lines: string[]): Promise<void> {
  await host.output(`cat > /etc/ssh/sshd_config.d/test.conf; systemctl reload ssh`, { stdin: `${lines.join("\n")}\n` });
  await host.waitSsh();
}

const notices = ({ events }: Deployment, node: string) =>
  events.flatMap((event) =>
    event.type === "log" && event.source === "bungee" && event.node === node ? [event.line] : [],
  );

async function nothingIsLeft(scene: Scene): Promise<void> {
  const left = await scene.deployer.output(`
    for i in $(seq 1 50); do
      left=$(pgrep -a ssh || :; find /tmp -maxdepth 1 -name 'bungee-*')
      [ -n "$left" ] || break
      sleep 0.1
    done
    echo "$left"`);
  assert.equal(left, "");
}

describe("openssh", { skip }, () => {
  test("by order: one host is deployed, one that loses its network snaps back", async () => {
    await using scene = await Scene.open({ hosts: ["web1", "web2"] });
    const web2 = scene.host("web2");
    for (const host of scene.hosts.values()) await configureSshd(host, POST_QUANTUM);
    await scene.write({ web1: { version: "2" }, web2: { version: "2", behaviour: "cuts-network" } });
    const before = await web2.triple();
    const refused = await scene.deploy("--all", "--ssh", "ssh2");
    assert.equal(refused.code, 1);
    for (const outcome of Object.values(refused.outcomes)) {
      assert.ok(outcome.kind === "failed" && outcome.why.code === "login", JSON.stringify(outcome));
      assert.match(outcome.why.mend, /--ssh openssh/);
    }
    const deployed = await scene.deploy("--all", "--ssh", "openssh");
    assert.equal(deployed.outcomes.web1?.kind, "confirmed", JSON.stringify(deployed.outcomes.web1));
    const { web2: outcome } = deployed.outcomes;
    assert.ok(outcome?.kind === "rolled-back" && outcome.why.code === "unconfirmed", JSON.stringify(outcome));
    assert.equal(deployed.code, 1);
    assert.deepEqual(await web2.triple(), before);
    assert.equal((await scene.host("web1").triple()).running, await scene.build("web1"));
    await nothingIsLeft(scene);
  });

  test("by itself, where ssh2 cannot: said once, and not asked again", async () => {
    await using scene = await Scene.open({ hosts: ["web1", "web2"] });
    const web1 = scene.host("web1");
    await configureSshd(web1, POST_QUANTUM);
    await scene.write({ web1: { version: "2" }, web2: { version: "2" } });
    // What looked whether sshd is there has left without a login too, of which the journal may hear late.
    await pause(3000);
    const since = await web1.output("journalctl -u ssh --show-cursor -n 0 | sed -n 's/^-- cursor: //p'");
    const deployed = await scene.deploy("--all");
    assert.equal(deployed.code, 0, deployed.stdout);
    assert.deepEqual(
      ["web1", "web2"].map((node) => deployed.outcomes[node]?.kind),
      ["confirmed", "confirmed"],
    );
    assert.deepEqual(
      [notices(deployed, "web1"), notices(deployed, "web2")],
      [["web1 is reached by ssh itself: web1 and bungee know no common key exchange"], []],
    );
    // A busy journal takes a while.
    const said = async (text: string, least: number) =>
      Number(
        await web1.output(`
          for i in $(seq 1 100); do
            count=$(journalctl -u ssh --after-cursor '${since.trim()}' | grep -c '${text}' || :)
            [ "$count" -lt ${least} ] || break
            sleep 0.2
          done
          echo "$count"`),
      );
    assert.ok((await said("Accepted publickey", 2)) >= 2, "the confirmation came over a connection of its own");
    // sshd may say why, or that the connection was reset, or nothing: bungee leaves as soon as it has seen what sshd offers.
    assert.ok((await said("\\[preauth\\]", 0)) <= 1, "ssh2 was tried once");
    await nothingIsLeft(scene);
  });

  test("by a certificate, as a user whose shell is fish and talks", async () => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    const web1 = scene.host("web1");
    // The user's key is known nowhere on the host: the authority is.
    await scene.deployer.output(`
      cd /root/.ssh
      rm deploy deploy.pub
      ssh-keygen -q -t ed25519 -N '' -f ca
      ssh-keygen -q -t ed25519 -N '' -f signed
      ssh-keygen -q -s ca -I signed -n deploy signed.pub`);
    const authority = await scene.deployer.output(["cat", "/root/.ssh/ca.pub"]);
    await web1.output("cat > /etc/ssh/user-ca.pub; usermod --shell /usr/bin/fish deploy", { stdin: authority });
    await web1.output(
      "mkdir -p /home/deploy/.config/fish; echo 'echo Welcome to fish' > /home/deploy/.config/fish/config.fish; chown -R deploy: /home/deploy/.config",
    );
    await configureSshd(web1, "TrustedUserCAKeys /etc/ssh/user-ca.pub", "Banner /etc/debian_version");
    await scene.write({ web1: { version: "2", bungee: { user: "deploy", identityFile: "~/.ssh/signed" } } });
    const deployed = await scene.deploy("web1");
    assert.equal(deployed.outcomes.web1?.kind, "confirmed", JSON.stringify(deployed.outcomes.web1));
    assert.deepEqual(notices(deployed, "web1"), [
      "web1 is reached by ssh itself: there is a certificate, /root/.ssh/signed-cert.pub",
    ]);
    const before = await web1.triple();
    await scene.deployer.output("cd /root/.ssh; ssh-keygen -q -s ca -I signed -n nobody signed.pub");
    await scene.write({ web1: { version: "3", bungee: { user: "deploy", identityFile: "~/.ssh/signed" } } });
    const refused = await scene.deploy("web1");
    const { web1: outcome } = refused.outcomes;
    assert.ok(outcome?.kind === "failed" && outcome.why.code === "login", JSON.stringify(outcome));
    assert.deepEqual(await web1.triple(), before);
    await nothingIsLeft(scene);
  });
});
