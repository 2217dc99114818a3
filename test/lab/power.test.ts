/** Reset, reboot, poweroff, and what a host boots. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "./host.ts";
import { type Lab, openLab } from "./lab.ts";
import { releases } from "./rootfs.ts";
import { needsSandbox } from "./sandbox.ts";

const bootId = (host: Host) => host.output("cat /proc/sys/kernel/random/boot_id");
const journalBoots = async (host: Host) =>
  Number(await host.output("journalctl --list-boots | grep -c '^ *-\\?[0-9]'"));

for (const release of releases) {
  describe(`power of a ${release} host`, needsSandbox, () => {
    let lab: Lab;
    let host: Host;
    before(async () => {
      lab = await openLab();
      host = await lab.host("web", { release }).up();
    });
    after(() => lab.close());

    it("reset: the power goes at once, nothing is said to anybody, and the host boots", async (test) => {
      const id = await bootId(host);
      await host.output(
        "systemd-run --quiet --unit last-words --property ExecStop='touch /root/last-words' sleep 1000",
      );
      const leave = new AbortController();
      test.after(() => leave.abort());
      const login = host.ssh("cat; exec sleep 4321", { signal: leave.signal });
      while ((await host.run(["pgrep", "-f", "^sleep 4321"])).code !== 0) await sleep(20);
      // All that it had to say has arrived, and it was told: what it said again, the host that boots would answer.
      await sleep(300);

      await host.reset();
      assert.equal(await Promise.race([login, sleep(200, "still waiting")]), "still waiting");
      leave.abort();

      await host.waitSsh();
      assert.notEqual(await bootId(host), id);
      assert.equal(
        await host.output("ls /root; systemctl is-system-running --wait"),
        "running",
        "nothing was stopped in order",
      );
      assert.equal(await journalBoots(host), 2);
    });

    it("reset without booting: stays off and silent", async () => {
      await host.reset({ boot: false });
      assert.equal(host.isOn, false);
      await assert.rejects(host.run("true"), /web is switched off/);
      await assert.rejects(host.waitSsh(300), /does not answer to ssh within 300 ms/);
      await host.up();
    });

    it("reboot: units are stopped in order, and the host comes again by itself", async () => {
      const [id, boots] = [await bootId(host), host.boots];
      await host.output(
        "systemd-run --quiet --unit last-words --property RemainAfterExit=yes --property ExecStop='touch /root/last-words' true",
      );
      await host.ssh("systemctl reboot");
      while (host.boots === boots) await sleep(10);
      await host.waitSsh();
      assert.notEqual(await bootId(host), id);
      assert.equal(await host.output("ls /root"), "last-words");

      await host.reboot();
      assert.equal(host.boots, boots + 2);
      await host.waitSsh();
    });

    it("poweroff: stays off, until it is switched on", async () => {
      await host.run("systemctl poweroff");
      await host.waitOff();
      await sleep(300);
      assert.equal(host.isOn, false);
      await host.up();
    });

    it("boots the boot loader's default, as process 1 and before systemd", async () => {
      assert.deepEqual(await host.triple(), { running: null, booted: null, profile: null, bootDefault: null });
      await putSystem(
        host,
        "one",
        "echo one >/run/activated; [ ! -e /run/systemd/system ]; ip link set host0 up; ip address add $(cat /etc/lab-address) dev host0",
      );
      await putSystem(host, "two", "echo two >/run/activated; exit 3");
      await makeDefault(host, "one");
      assert.equal(host.bootDefault(), system("one"));
      await host.reset();
      await host.waitSsh();
      assert.equal(await host.output("cat /run/activated; systemctl is-active lab-network || true"), "one\ninactive");
      assert.deepEqual(await host.triple(), {
        running: system("one"),
        booted: system("one"),
        profile: null,
        bootDefault: system("one"),
      });

      // Two fails to activate and has no network: it boots all the same, and can be looked into.
      await makeDefault(host, "two");
      await host.reset();
      assert.equal(await host.output("cat /run/activated; readlink /run/booted-system"), `two\n${system("two")}`);
      await assert.rejects(host.waitSsh(200));

      await host.reset({ boot: false });
      assert.equal(host.bootDefault(), system("two"), "known of a host that is off, too");
    });

    it("a reboot loop is an error", async () => {
      await putSystem(host.isOn ? host : await onWithoutSsh(host), "loop", "reboot -ff");
      await makeDefault(host, "loop");
      await host.reset();
      await assert.rejects(host.waitSsh(), /web reboots in a loop: .*lab: booting .*loop/);
      assert.equal(host.isOn, false);
    });
  });
}

function system(label: string): string {
  return `/nix/store/00000000000000000000000000000000-nixos-system-${label}`;
}

async function onWithoutSsh(host: Host): Promise<Host> {
  await host.reset();
  return host;
}

/** A toplevel with nothing but an activation script, and a boot entry for it. */
async function putSystem(host: Host, label: string, activate: string): Promise<void> {
  await host.output(
    `mkdir -p ${system(label)} /boot/loader/entries
    printf '#!/bin/sh\\nset -e\\n%s\\n' "$ACTIVATE" >${system(label)}/activate
    chmod +x ${system(label)}/activate
    printf 'title NixOS\\noptions quiet init=%s/init loglevel=4\\n' ${system(label)} >/boot/loader/entries/${label}.conf`,
    { env: { ACTIVATE: activate } },
  );
}

async function makeDefault(host: Host, label: string): Promise<void> {
  await host.output(`printf 'timeout 5\\ndefault %s.conf\\n' ${label} >/boot/loader/loader.conf`);
}
