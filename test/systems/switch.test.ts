/** What switch-to-configuration of the stand-in does, step by step: as NixOS does it, or the tests that build on it show nothing. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import type { Host } from "../lab/host.ts";
import { type Lab, openLab } from "../lab/lab.ts";
import { type Release, releases } from "../lab/rootfs.ts";
import { needsSandbox } from "../lab/sandbox.ts";
import { buildOn, changes, stateOf, switchTo } from "./on-host.ts";

const profile = "/nix/var/nix/profiles/system";

describe("switch-to-configuration", { ...needsSandbox, concurrency: releases.length }, () => {
  for (const release of releases) describe(release, { concurrency: 1 }, () => switches(release));
});

/** A service that runs, and changes with `value`. */
const service = (value: string, more: object = {}) => ({
  wantedBy: ["multi-user.target"],
  serviceConfig: { ExecStart: "/bin/sleep infinity", Environment: `VALUE=${value}` },
  ...more,
});

const nodes = {
  v1: {
    hostName: "web1",
    config: {
      systemd: {
        services: {
          gone: service("1"),
          reloaded: service("1", { reloadIfChanged: true, reload: "date +%N >/run/reloaded" }),
          restarted: service("1", { stopIfChanged: false }),
          left: service("1", { restartIfChanged: false }),
          described: service("1", { description: "old words" }),
        },
      },
      environment: { etc: { motd: { text: "hello" }, "only/in/v1": { text: "1" } } },
    },
  },
  v2: {
    hostName: "web1",
    version: "2",
    config: {
      systemd: {
        services: {
          fresh: service("2"),
          reloaded: service("2", { reloadIfChanged: true, reload: "date +%N >/run/reloaded" }),
          restarted: service("2", { stopIfChanged: false }),
          left: service("2", { restartIfChanged: false }),
          described: service("1", { description: "new words" }),
        },
      },
      environment: { etc: { "sudoers.d/more": { text: "# more\n", mode: "0440" } } },
      specialisation: { quiet: { configuration: { system: { nixos: { label: "2-quiet" } } } } },
    },
  },
  killed: { hostName: "web1", version: "3", behaviour: "killed" },
} as const;

function switches(release: Release): void {
  let lab: Lab;
  let host: Host;
  let systems: Record<keyof typeof nodes, string>;

  before(async () => {
    lab = await openLab();
    host = await lab.host("web1", { release }).up();
    systems = await buildOn(host, nodes);
  });
  after(() => lab?.close());

  const show = (unit: string, property: string) =>
    host.output(`systemctl show --property ${property} --value ${unit}.service`);
  const file = (path: string) => host.output(["cat", path]);

  async function succeeds(system: string, action: "switch" | "boot" | "test" | "dry-activate"): Promise<string> {
    const { code, stderr } = await switchTo(host, system, action);
    assert.equal(code, 0, stderr);
    return stderr;
  }

  it("has what a NixOS toplevel has", async () => {
    const parts =
      "activate bin/switch-to-configuration etc/hostname etc/os-release etc/systemd/system/app.service init initrd kernel kernel-modules/lib kernel-params nixos-version specialisation sw/bin/nixos-version system systemd/lib/systemd/systemd init-interface-version";
    await host.output(`cd ${systems.v1}; ls -d ${parts}`);
    assert.equal(await file(`${systems.v1}/nixos-version`), "1");
    assert.equal(await file(`${systems.v1}/etc/hostname`), "web1");
    const closure = (await host.output(["nix-store", "--query", "--requisites", systems.v1])).split("\n");
    assert.ok(closure.length > 8, `a closure of ${closure.length} paths`);
  });

  it("activates on a host that never had a system, and starts all its units", async () => {
    const said = await succeeds(systems.v1, "test");
    assert.match(said, /^activating the configuration\.\.\.$/m);
    assert.match(
      said,
      /^the following new units were started: app\.service, bystander\.service, .*network-lab\.service/m,
    );
    assert.equal(await file("/run/app/version"), "1");
    assert.equal(await host.output("readlink /run/current-system"), systems.v1);
    assert.equal(await host.output("readlink -f /etc/static"), await host.output(`readlink -f ${systems.v1}/etc`));
    assert.equal(await host.output("systemctl is-system-running"), "running");
    assert.equal((await host.triple()).bootDefault, null, "test leaves the boot menu alone");
  });

  it("writes the boot menu for the generation that is the system, and boots it", async () => {
    await host.output(["nix-env", "--profile", profile, "--set", systems.v1]);
    await succeeds(systems.v1, "boot");
    assert.equal(host.bootDefault(), systems.v1);
    await host.reset();
    await host.waitSsh();
    assert.deepEqual(await host.triple(), {
      running: systems.v1,
      booted: systems.v1,
      profile: systems.v1,
      bootDefault: systems.v1,
    });
    assert.equal(await host.output("systemctl is-system-running --wait; cat /run/app/version"), "running\n1");
  });

  it("says with dry-activate what it would do, and does nothing", async () => {
    const before = await stateOf(host);
    assert.equal(
      await succeeds(systems.v2, "dry-activate"),
      [
        "would stop the following units: app.service, gone.service",
        "would NOT stop the following changed units: left.service",
        "would activate the configuration...",
        "would reload the following units: reloaded.service",
        "would restart the following units: restarted.service",
        "would start the following units: app.service",
        "",
      ].join("\n"),
    );
    assert.deepEqual(changes(before, await stateOf(host)), []);
    assert.equal((await host.run("ls /run/nixos/*-list")).code, 2, "nothing is recorded as to be done");
  });

  it("stops, restarts, reloads, starts or leaves each unit by what changed in it", async () => {
    const units = ["bystander", "network-lab", "left", "described", "reloaded", "restarted", "app"] as const;
    const invocations = () => Promise.all(units.map((unit) => show(unit, "InvocationID")));
    const old = await invocations();
    const said = await succeeds(systems.v2, "test");
    assert.equal(
      said.replace(/, systemd-update-utmp-runlevel.service/, ""),
      [
        "stopping the following units: app.service, gone.service",
        "NOT restarting the following changed units: left.service",
        "activating the configuration...",
        "reloading the following units: reloaded.service",
        "restarting the following units: restarted.service",
        "starting the following units: app.service",
        "the following new units were started: fresh.service",
        "",
      ].join("\n"),
    );
    const now = await invocations();
    assert.deepEqual(
      units.filter((_, index) => old[index] !== now[index]),
      ["restarted", "app"],
    );
    await host.output("test -s /run/reloaded");
    assert.deepEqual(
      [await show("gone", "ActiveState"), await show("gone", "LoadState"), await show("fresh", "ActiveState")],
      ["inactive", "not-found", "active"],
    );
    assert.equal(await file("/run/app/version"), "2");
  });

  it("makes /etc the system's, and gives back what the base system had there", async () => {
    assert.equal(await host.output("stat -c '%a %F' /etc/sudoers.d/more"), "440 regular file");
    assert.equal((await host.run("ls /etc/only")).code, 2, "a directory of the old system is gone with its file");
    const original = await file("/etc/motd");
    await succeeds(systems.v1, "test");
    assert.equal(await file("/etc/motd"), "hello");
    assert.equal((await host.run("ls /etc/sudoers.d/more")).code, 2);
    await succeeds(systems.v2, "test");
    assert.equal(await file("/etc/motd"), original);
    assert.notEqual(original, "hello");
  });

  it("leaves the boot default alone when no generation is the system", async () => {
    assert.equal(host.bootDefault(), systems.v1);
    await succeeds(systems.v2, "boot");
    assert.equal(host.bootDefault(), systems.v1);
  });

  it("has an entry for each generation and specialisation, and none for those that are gone", async () => {
    const entries = () => host.output("cd /boot/loader/entries; ls");
    await host.output(["nix-env", "--profile", profile, "--set", systems.v2]);
    await succeeds(systems.v2, "switch");
    assert.equal(host.bootDefault(), systems.v2);
    assert.equal(
      await entries(),
      "nixos-generation-1.conf\nnixos-generation-2-specialisation-quiet.conf\nnixos-generation-2.conf",
    );
    await host.output(["nix-env", "--profile", profile, "--delete-generations", "1"]);
    await succeeds(systems.v2, "boot");
    assert.equal(await entries(), "nixos-generation-2-specialisation-quiet.conf\nnixos-generation-2.conf");
    assert.equal(await file("/nix/var/nix/profiles/system/specialisation/quiet/nixos-version"), "2-quiet");
  });

  it("ends what an interrupted switch began", async () => {
    assert.equal((await switchTo(host, systems.killed, "test")).code, 137);
    assert.equal(await show("app", "ActiveState"), "inactive");
    assert.match(await succeeds(systems.v2, "test"), /^starting the following units: app\.service$/m);
    assert.equal(await file("/run/app/version"), "2");
    assert.equal((await host.run("ls /run/nixos/*-list")).code, 2);
  });

  it("lets only one switch run, whatever its action", async () => {
    const other = await host.spawn("flock /run/nixos/switch-to-configuration.lock cat");
    await host.output("while flock --nonblock /run/nixos/switch-to-configuration.lock true; do sleep 0.02; done");
    for (const action of ["switch", "boot", "test", "dry-activate", "check"] as const) {
      const { code, stderr } = await switchTo(host, systems.v2, action);
      assert.deepEqual([code, stderr], [11, "Could not acquire lock\n"]);
    }
    other.child.stdin?.end();
    await other.result;
    await succeeds(systems.v2, "dry-activate");
  });

  it("refuses what is no action, who is not root, and a host that is no NixOS", async () => {
    const script = `${systems.v2}/bin/switch-to-configuration`;
    const usage = await host.run([script, "swich"]);
    assert.equal(usage.code, 1);
    assert.match(usage.stderr, /^Usage: switch-to-configuration \[check\|switch\|boot\|test\|dry-activate\]/);
    assert.equal((await host.run([script, "test"], { user: "deploy" })).code, 1);
    await host.output("mv /etc/NIXOS /etc/os-release /root");
    writeFileSync(host.disk.path("/etc/os-release"), "ID=debian\n");
    const { code, stderr } = await host.run([script, "dry-activate"]);
    assert.deepEqual([code, stderr], [255, "This is not a NixOS installation!\n"]);
  });
}
