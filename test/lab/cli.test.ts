/** The lab by hand: every verb does what it says, in a lab that lives in the background until it is stopped. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { exec } from "./exec.ts";
import { needsSandbox } from "./sandbox.ts";

const cli = join(import.meta.dirname, "cli.ts");

describe("lab by hand", needsSandbox, () => {
  const dir = mkdtempSync(join(tmpdir(), "bungee-by-hand-"));
  const env = { ...process.env, BUNGEE_LAB_BY_HAND: dir };
  const lab = (...args: string[]) => exec([process.execPath, cli, ...args], { env });
  const says = async (...args: string[]) => {
    const { code, stdout, stderr } = await lab(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const fails = async (...args: string[]) => {
    const { code, stderr } = await lab(...args);
    assert.notEqual(code, 0);
    return stderr;
  };
  before(async () => {
    assert.match(await fails("list"), /^lab: no lab is running: begin with `up NAME`$/m);
    assert.equal(
      await says("up", "web1", "web2"),
      "web1  bookworm  10.77.1.1  on  healthy  never installed\nweb2  bookworm  10.77.1.2  on  healthy  never installed\n",
    );
  });
  after(async () => {
    await lab("stop");
    rmSync(dir, { recursive: true });
  });

  it("up makes hosts of a release and a size, and list shows them all", async () => {
    await says("up", "db", "--release", "trixie", "--size", "1");
    assert.match(
      await says("list"),
      /^web1 .*\nweb2 .*\ndb {4}trixie {4}10\.77\.1\.3 {2}on {2}healthy {2}never installed\n$/,
    );
    assert.equal(await says("run", "db", "--", "df", "--output=size", "-h", "/"), " Size\n 1.0G\n");
  });

  it("ssh logs in, run does not, and both end as the command ends", async () => {
    assert.equal(await says("ssh", "web1", "--user", "deploy", "--", "id", "-un"), "deploy\n");
    assert.equal(await says("run", "web1", "--", "sh", "-c", "id -un; hostname"), "root\nweb1\n");
    assert.equal((await lab("run", "web1", "--", "sh", "-c", "exit 7")).code, 7);
  });

  it("shell is a workstation, of either release", async () => {
    assert.match(await says("shell", "nix", "--version"), /2\.8/);
    assert.match(await says("shell", "--release", "trixie", "nix", "--version"), /2\.26/);
    assert.equal(await says("shell", "--", "ssh", "web1", "hostname"), "web1\n");
    assert.match(await says("shell", "--", "cat", "/usr/local/bin/bungee"), /src\/main\.ts/);
  });

  it("cables: cut, heal, limit, latency", async () => {
    await says("cut", "web1", "refuse");
    assert.match(await fails("ssh", "web1", "true"), /Connection refused/);
    await says("limit", "web2", "100");
    const list = await says("list");
    assert.match(list, /^web1 .* cut \(refuse\) /m);
    assert.match(list, /^web2 .* 100 Mbit\/s /m);
    await says("heal", "web1");
    await says("limit", "web2");
    await says("ssh", "web1", "true");
    await lab("latency", "web1", "1"); // the kernel may have none
    await says("latency", "web1");
    assert.doesNotMatch(await says("list"), /cut|Mbit|ms/);
  });

  it("address, sshd, kill", async () => {
    await says("address", "web2", "10.77.1.99");
    assert.equal(await says("ssh", "web2", "hostname"), "web2\n");
    await says("sshd", "web2", "stop");
    assert.match(await fails("ssh", "web2", "true"), /Connection refused/);
    await says("sshd", "web2", "start");
    const pid = (await says("run", "web2", "--", "pidof", "systemd-logind")).trim();
    await says("kill", "web2", pid);
    assert.notEqual((await lab("run", "web2", "--", "pidof", "systemd-logind")).stdout.trim(), pid);
  });

  it("fill and free", async () => {
    const write = ["run", "web1", "--", "sh", "-c", "head -c 3000000 /dev/zero >/root/file"];
    await says("fill", "web1", "--leave", "1");
    assert.match(await fails(...write), /No space left on device/);
    await says("free", "web1");
    await says(...write);
  });

  it("reset, reboot, down and up again, console", async () => {
    const bootId = () => says("run", "web1", "--", "cat", "/proc/sys/kernel/random/boot_id");
    const seen = [await bootId()];
    for (const verb of ["reset", "reboot"]) {
      await says(verb, "web1");
      seen.push(await bootId());
    }
    await says("reset", "web1", "--no-boot");
    assert.match(await says("list"), /^web1 .* off /m);
    await says("up", "web1");
    await says("down", "web1");
    assert.match(await fails("run", "web1", "true"), /web1 is switched off/);
    await says("up", "web1");
    assert.equal(new Set([...seen, await bootId()]).size, 4);
    assert.equal((await says("console", "web1")).match(/no system is installed/g)?.length, 5);
  });

  it("errors are one line and name what is there", async () => {
    assert.equal(await fails("ssh", "web9"), "lab: there is no host web9: web1, web2, db\n");
    assert.match(await fails("cut", "web1", "softly"), /^lab: Invalid values: Argument: how, Given: "softly"/);
    assert.match(await fails("jump"), /^lab: Unknown command: jump\n$/);
    assert.match(await fails("install", "web1", "/nix/store/x", "--release", "trixie"), /^lab: .*\n$/);
  });

  it("remove takes a host away; stop ends the lab and all in it", async () => {
    await says("remove", "db");
    assert.match(await fails("run", "db", "true"), /there is no host db/);
    const sandbox = Number(readFileSync(join(dir, "pid"), "utf8"));
    await says("stop");
    for (const end = Date.now() + 30_000; isAlive(sandbox); await sleep(10)) assert.ok(Date.now() < end);
    assert.match(await fails("list"), /no lab is running/);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
