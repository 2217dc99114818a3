/** Hosts: what is in them, and how one gets in. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Host } from "./host.ts";
import { type Lab, openLab } from "./lab.ts";
import { releases } from "./rootfs.ts";
import { needsSandbox } from "./sandbox.ts";

const nix = { bookworm: /^nix \(Nix\) 2\.8\./, trixie: /^nix \(Nix\) 2\.26\./ };

describe("host", needsSandbox, () => {
  for (const release of releases) {
    describe(release, () => {
      let lab: Lab;
      let host: Host;
      before(async () => {
        lab = await openLab();
        host = await lab.host("web", { release }).up();
      });
      after(() => lab.close());

      it("runs systemd, and nothing fails", async () => {
        assert.equal(await host.output("cat /proc/1/comm; systemctl is-system-running --wait"), "systemd\nrunning");
      });

      it("has the release's nix, with a store of its own and a daemon for everybody", async () => {
        assert.match(await host.output("nix --version"), nix[release]);
        const path = await host.output("echo hello >/tmp/hello; nix store add-path /tmp/hello", {
          user: "alice",
        });
        assert.equal(await host.output("ls -d /nix/store/*-hello"), path);
      });

      it("lets root, deploy and alice in, each with their own key", async () => {
        for (const user of ["root", "deploy", "alice"]) {
          assert.deepEqual(await host.ssh(["id", "-un"], { user }), said(`${user}\n`));
        }
      });

      it("has sudo: without a password for deploy, with one for alice", async () => {
        assert.deepEqual(await host.ssh("sudo -n id -un", { user: "deploy" }), said("root\n"));
        assert.equal((await host.ssh("sudo -n id -un", { user: "alice" })).code, 1);
        const { code, stdout } = await host.ssh("sudo -S id -un", { user: "alice", stdin: "secret\n" });
        assert.deepEqual([code, stdout], [0, "root\n"]);
      });

      it("runs commands with arguments, input, user and directory as given, and gives back how they end", async () => {
        assert.deepEqual(await host.run(["printf", "%s|", "a b", "$c", "'"]), said("a b|$c|'|"));
        assert.deepEqual(await host.ssh(["printf", "%s|", "a b", "$c", "'"]), said("a b|$c|'|"));
        assert.equal(
          await host.output("pwd; id -un; cat", { stdin: "in", user: "deploy", cwd: "/tmp" }),
          "/tmp\ndeploy\nin",
        );
        const { code, stderr } = await host.run("echo oh >&2; exit 7");
        assert.deepEqual([code, stderr], [7, "oh\n"]);
        await assert.rejects(host.output("echo oh >&2; exit 7"), /web:.*exit 7: oh/s);
      });

      it("ends a command at once when asked to", async () => {
        const { code, signal } = await host.run(["sleep", "1000"], { signal: AbortSignal.timeout(100) });
        assert.deepEqual([code, signal], [137, "SIGKILL"]);
        assert.equal(await host.output("pgrep -x sleep || true"), "");
      });

      it("sees nothing of the machine", async () => {
        assert.equal(await host.output("cat /etc/hostname; hostname"), "web\nweb");
        assert.deepEqual(
          JSON.parse(await host.output("ip -json link")).map((link: { ifname: string }) => link.ifname),
          ["lo", "host0"],
        );
        assert.equal(
          await host.output("grep -c ^/dev /proc/mounts || true; ls /run/lab 2>&1 || true"),
          "0\nls: cannot access '/run/lab': No such file or directory",
        );
        assert.equal(await host.output("grep ^0: /proc/1/cgroup"), "0::/init.scope");
      });

      it("has a host key that no other host has", async () => {
        const other = await lab.host("other", { release }).up();
        assert.match(host.hostKey, /^ssh-ed25519 /);
        assert.notEqual(host.hostKey, other.hostKey);
      });
    });
  }

  it("comes up ten at once", async () => {
    await using lab = await openLab();
    const names = Array.from({ length: 10 }, (_, index) => `h${index}`);
    const hosts = await lab.up(names);
    const states = await Promise.all(hosts.map((host) => host.output("hostname; systemctl is-system-running --wait")));
    assert.deepEqual(
      states,
      names.map((name) => `${name}\nrunning`),
    );
  });

  it("has a name that is one, once", async () => {
    await using lab = await openLab();
    lab.host("a");
    assert.throws(() => lab.host("a"), /there is a host a already/);
    assert.throws(() => lab.host("a b"), /"a b" is no host name/);
    assert.throws(() => lab.hosts[0]!.hostKey, /a was never switched on/);
  });
});

function said(stdout: string) {
  return { code: 0, signal: null, stdout, stderr: "" };
}
