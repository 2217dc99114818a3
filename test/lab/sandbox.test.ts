/** What stays behind when somebody is killed: nothing. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { sweepCgroups } from "./cgroup.ts";
import { enter } from "./enter.ts";
import { must } from "./exec.ts";
import { openLab } from "./lab.ts";
import { probe } from "./probe.ts";
import { needsSandbox, sandboxCgroup } from "./sandbox.ts";

const fixture = fileURLToPath(import.meta.resolve("./fixture.ts"));

describe("sandbox", needsSandbox, () => {
  it("kill -9 of a process takes its hosts and workstations with it, and their cables and disks", async (test) => {
    const before = await mounts();
    const { child, lab } = await start(test, []);
    const pids = descendants(child.pid!);
    assert.ok(pids.length > 10, "systemd, sshd, and all the others");
    assert.match(await traces(lab), new RegExp(`p${lab}\\.1`));

    child.kill("SIGKILL");
    await gone(pids);
    await until(async () => !(await traces(lab)).includes(`p${lab}.1`), "the cable is gone");
    await until(async () => (await mounts()) === before, "nothing is mounted any more");
  });

  it("kill -9 of a whole run leaves but empty cgroups, which the next run sweeps away", async (test) => {
    const before = await mounts();
    const { child } = await start(test, ["nested"]);
    const cgroup = join(sandboxCgroup()!, `bungee-lab-${child.pid}`);
    const pids = descendants(child.pid!);
    assert.ok(pids.length > 10);
    await until(async () => (await mounts()) === before, "nothing of it can be seen from outside");

    child.kill("SIGKILL");
    await gone(pids);
    await until(() => /populated 0/.test(readFileSync(join(cgroup, "cgroup.events"), "utf8")), "the cgroup is empty");
    sweepCgroups(sandboxCgroup()!);
    assert.equal(existsSync(cgroup), false);
  });

  it("a run that is asked to stop does so, and leaves no cgroup", async (test) => {
    const { child } = await start(test, ["nested"]);
    const pids = descendants(child.pid!);
    child.kill("SIGTERM");
    await once(child, "exit");
    await gone(pids);
    assert.equal(existsSync(join(sandboxCgroup()!, `bungee-lab-${child.pid}`)), false);
  });

  it("sweeping spares the cgroups of those who live", async () => {
    const ours = join(sandboxCgroup()!, `bungee-lab-${process.pid}`);
    mkdirSync(ours);
    sweepCgroups(sandboxCgroup()!);
    assert.ok(existsSync(ours));
  });

  it("closing a lab leaves nothing either", async () => {
    const before = await mounts();
    const lab = await openLab();
    // The kernel may still know addresses that systems took in an earlier lab of this number.
    const earlier = new Set((await traces(lab.number)).split("\n").map((line) => line.split(" ")[0]));
    const ours = async () => (await traces(lab.number)).split("\n").filter((line) => !earlier.has(line.split(" ")[0]));
    await lab.workstation();
    await lab.up(["a", "b"]);
    await lab.hosts[0]!.cut("refuse");
    assert.ok((await ours()).length >= 3, "two cables and a refusal, at least");
    await lab.close();
    // Nobody else's lab gets the number while we look.
    await using _number = await openLab({ number: lab.number });
    assert.deepEqual(await ours(), []);
    await until(async () => (await mounts()) === before, "nothing is mounted any more");
    assert.deepEqual(descendants(process.pid), []);
    assert.deepEqual(
      readdirSync(sandboxCgroup()!).filter((name) => name.startsWith(`${lab.number}-`)),
      [],
    );
  });

  it("labs do not get into each other's way", async () => {
    await using one = await openLab();
    await using two = await openLab();
    const hosts = await Promise.all([one.host("web").up(), two.host("web").up()]);
    assert.notEqual(hosts[0].address, hosts[1].address);
    const numbered = await openLab({ number: 1 });
    await assert.rejects(openLab({ number: 1 }), /there is a lab 1 in this sandbox already/);
    await numbered.close();
  });

  it("has a store of its own, no way out, and is entered only once", async () => {
    // Not by findmnt, for the reason that mounts() has.
    assert.equal(await must(["stat", "--file-system", "--format", "%T", "/nix"]), "tmpfs\n");
    // "linkdown": while no host of any file is plugged in.
    const route = (await must(["ip", "route"])).replace("linkdown ", "");
    assert.equal(route, "10.77.0.0/16 dev br0 proto kernel scope link src 10.77.0.1 \n");
    assert.deepEqual(await probe(), { ok: true });
    assert.equal(await enter(["sh", "-c", `[ $BUNGEE_LAB_CGROUP = ${sandboxCgroup()} ] && exit 3`]), 3);
  });
});

/** Starts the fixture, and waits until its lab is complete. */
async function start(test: TestContext, args: string[]): Promise<{ child: ChildProcess; lab: number }> {
  const child = spawn(process.execPath, [fixture, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  test.after(() => child.kill("SIGKILL"));
  const [chunk] = (await once(child.stdout!, "data")) as [Buffer];
  return { child, lab: Number(chunk) };
}

/** What the network of the sandbox, which other labs use too, knows of a lab: cables, addresses, refusals. */
async function traces(lab: number): Promise<string> {
  return await must([
    "sh",
    "-c",
    `{ ip link; ip neigh; nft list set ip lab refused; } | grep -E '(p|10\\.77\\.)${lab}\\.' || true`,
  ]);
}

/** The kernel's list may lack a line while others mount, as other files' labs do: the longest of some is all of it. */
async function mounts(): Promise<string> {
  const lists: string[] = [];
  for (let look = 0; look < 5; look++, await sleep(10)) lists.push(readFileSync("/proc/self/mountinfo", "utf8"));
  return lists.reduce((longest, list) => (list.length > longest.length ? list : longest));
}

/** A process's descendants, as far down as they are now. */
function descendants(pid: number): number[] {
  const parents = new Map<number, number[]>();
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const parent = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${entry}/status`, "utf8"))?.[1]);
      parents.set(parent, [...(parents.get(parent) ?? []), Number(entry)]);
    } catch {
      // it has just ended
    }
  }
  const below = (parent: number): number[] => (parents.get(parent) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid);
}

async function gone(pids: number[]): Promise<void> {
  await until(() => pids.every((pid) => !existsSync(`/proc/${pid}`)), "all processes are gone");
}

async function until(met: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 5000; !(await met()); await sleep(10)) assert.ok(Date.now() < end, what);
}
