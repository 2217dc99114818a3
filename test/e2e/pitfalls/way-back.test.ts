/** The way back works on a host that is in a bad way, and what is said of it was seen. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { finish, Scene, skip, untilQuiet, untilState } from "../scene.ts";

/** Takes every byte that anybody gives back, in the moment in which it is free. */
const HUNGRY = `open my $file, ">>", "/var/lib/hungry"; my $page = "x" x 4096; syswrite $file, $page while 1`;

describe("P10: the way back does not fail, or the host reboots into the old system", { skip }, () => {
  test("a full disk on which every byte that becomes free is taken at once", async () => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    const host = scene.host("web1");
    const before = await host.triple();
    await scene.write({ web1: { version: "2", behaviour: "cuts-network", bungee: { confirmation: { timeout: 3 } } } });
    const deploy = scene.start("deploy", "web1", "--report", "json");
    await untilState(host, "awaiting-confirmation");
    await host.fillDisk(0);
    const hungry = await Promise.all([1, 2].map(() => host.spawn(["perl", "-e", HUNGRY])));
    await untilQuiet(host);
    const full = await host.run("cp /proc/version /var/lib/proof");
    assert.match(full.stderr, /No space left/, "the disk was full to the end");
    for (const eater of hungry) await eater.kill();
    await host.freeDisk();

    const { code, outcomes, stdout } = await finish(deploy);
    assert.equal(code, 1, stdout);
    const { web1 } = outcomes;
    assert.ok(web1?.kind === "rolled-back" && web1.verified, JSON.stringify(web1));
    assert.equal(web1.why.code, "unconfirmed");
    assert.match(web1.why.message, /nobody confirmed within 3 s/, "and it can still say why");
    assert.deepEqual(await host.triple(), before);
    assert.equal(host.boots, 1, "without a reboot");
  });

  test("the recorded system cannot be activated any more: the host boots it, and the deployer sees that it is back", async () => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    const host = scene.host("web1");
    // Refuses to be switched to as soon as the test says so; a boot does not ask it.
    const preSwitchChecks = { stubborn: "[ ! -e /run/stubborn ]" };
    await scene.write({ web1: { version: "2", config: { system: { preSwitchChecks } } } });
    assert.equal((await scene.deploy("web1")).code, 0);
    const before = await host.triple();
    await scene.write({ web1: { version: "3", behaviour: "stops-sshd" } });
    const deploy = scene.start("deploy", "web1", "--report", "json");
    await untilState(host, "awaiting-confirmation");
    await host.output(": >/run/stubborn");
    const { code, outcomes, stdout } = await finish(deploy);
    assert.equal(code, 1, stdout);
    const { web1 } = outcomes;
    assert.ok(web1?.kind === "rolled-back" && web1.verified, JSON.stringify(web1));
    assert.equal(host.boots, 2);
    const { booted, ...now } = await host.triple();
    assert.deepEqual({ booted, ...now }, { ...before, booted: before.running });
    assert.deepEqual(web1.restored, now);
    assert.equal(await host.output("cat /run/app/version"), "2");
  });

  test("a host that went back and lets nobody in is not called well", async () => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    const host = scene.host("web1");
    await scene.write({
      web1: { version: "2", behaviour: "exits-after", config: { system: { activationScripts: { slow: "sleep 2" } } } },
    });
    const deploy = scene.start("deploy", "web1", "--report", "json");
    await untilState(host, "activating");
    // Who is connected stays connected, and hears from the host that all is well; nobody new gets in.
    await host.output(`
      nft add table inet closed
      nft 'add chain inet closed input { type filter hook input priority 0; }'
      nft add rule inet closed input tcp dport 22 tcp flags syn drop`);
    const { code, outcomes, stdout } = await finish(deploy);
    assert.ok(outcomes.web1?.kind === "rolled-back" && !outcomes.web1.verified, stdout);
    assert.equal(code, 3, "a person must look");
    await host.output("nft delete table inet closed");
  });
});
