/** What can be done to a host from outside. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "./host.ts";
import { type Lab, openLab } from "./lab.ts";
import { needsSandbox } from "./sandbox.ts";
import { difference } from "./state.ts";
import { hasNetem } from "./wire.ts";
import type { Workstation } from "./workstation.ts";

describe("faults", needsSandbox, () => {
  let lab: Lab;
  let host: Host;
  let other: Host;
  let workstation: Workstation;
  before(async () => {
    lab = await openLab();
    workstation = await lab.workstation();
    [host, other] = (await lab.up(["web", "other"])) as [Host, Host];
  });
  after(() => lab.close());

  /** A login that echoes what it is sent. */
  async function login() {
    const running = workstation.spawn(["ssh", "-o", "ServerAliveInterval=60", "web", "cat"]);
    running.child.stdin!.write("hello\n");
    while (running.stdout === "") await sleep(5);
    return running;
  }
  const connect = (seconds = 20) => workstation.run(["ssh", "-o", `ConnectTimeout=${seconds}`, "web", "true"]);

  it("drop: packets vanish, for new connections and old ones, and nobody is told", async () => {
    const open = await login();
    await host.cut("drop");
    open.child.stdin!.write("anybody there?\n");
    const [{ code, stderr }, took] = await timed(() => connect(1));
    assert.equal(code, 255);
    assert.match(stderr, /Connection timed out/);
    assert.ok(took >= 1000);
    assert.ok(open.alive);
    assert.equal(open.stdout, "hello\n");
    assert.match(await host.output("ip -brief link show host0"), /UP/, "the host sees no change of carrier");
    assert.equal((await other.ssh("true")).code, 0, "the other host has a cable of its own");

    await host.heal();
    while (!open.stdout.includes("there")) await sleep(10);
    open.child.stdin!.end();
    assert.equal((await open.result).code, 0, "an old connection survives a short cut");
  });

  it("refuse: new connections and old ones end at once, in both directions", async () => {
    const open = await login();
    await host.cut("refuse");
    assert.match((await connect()).stderr, /Connection refused/);
    open.child.stdin!.write("anybody there?\n");
    assert.equal((await open.result).code, 255);
    assert.match((await host.run(["bash", "-c", "exec 3<>/dev/tcp/10.77.0.1/22"])).stderr, /Connection refused/);

    await host.heal();
    assert.equal((await connect()).code, 0);
  });

  it("a cut lasts over a reset", async () => {
    await host.cut("drop");
    await host.reset();
    await host.output("systemctl is-system-running --wait");
    await assert.rejects(host.waitSsh(300));
    await host.heal();
    await host.waitSsh();
  });

  it("a limit is kept, and taken away", async () => {
    const send = () => workstation.output("head -c 2000000 /dev/zero | ssh web 'cat >/dev/null'");
    await host.limit({ mbit: 8 });
    const [, limited] = await timed(send);
    await host.limit();
    const [, unlimited] = await timed(send);
    assert.ok(limited > 1800, `2 MB take 2 s at 8 Mbit/s, took ${limited} ms`);
    assert.ok(unlimited < limited, `${unlimited} ms`);
  });

  it("latency is added, or the kernel is said to have none", async () => {
    if (!(await hasNetem())) return await assert.rejects(host.latency({ ms: 100 }), /this kernel has no netem/);
    await host.latency({ ms: 100 });
    const [, slow] = await timed(() => host.waitSsh());
    await host.latency();
    assert.ok(slow >= 100, `${slow} ms`);
  });

  it("address: the host is found at the new one by its name, now and after a reset", async () => {
    const old = host.address;
    const address = old.replace(/\d+$/, "77");
    await host.changeAddress(address);
    assert.equal(await workstation.output(["ssh", "web", "hostname"]), "web");
    assert.deepEqual(await host.addresses(), [address]);
    await assert.rejects(host.waitSsh(300, old));
    await host.reset();
    await host.waitSsh();
    await host.changeAddress(old);
    await host.waitSsh();
  });

  it("sshd: stopped, others are refused; started, they are let in", async () => {
    await host.stopSshd();
    assert.match((await connect()).stderr, /Connection refused/);
    await host.startSshd();
    assert.equal((await connect()).code, 0);
  });

  it("a process is killed, and systemd does what it does then", async () => {
    const pid = () => host.output("systemctl show --property MainPID --value ssh.service");
    const before = await pid();
    await host.kill(Number(before));
    await host.waitSsh();
    assert.notEqual(await pid(), before);
  });

  it("disk: full for everybody, on this host only, and free again", async () => {
    await host.fillDisk(64 * 1024);
    const write = (bytes: number) => host.run(`head -c ${bytes} /dev/zero >/root/file`);
    assert.equal((await write(16 * 1024)).code, 0);
    assert.match((await write(256 * 1024)).stderr, /No space left on device/);
    assert.equal((await other.run("head -c 256000 /dev/zero >/root/file")).code, 0);
    await host.freeDisk();
    assert.equal((await write(256 * 1024)).code, 0);
  });

  it("disk: as big as asked for", async () => {
    const small = await lab.host("small", { size: 32 * 2 ** 20 }).up();
    assert.equal(await small.output("df --output=size --block-size=1M / | tail -n 1 | tr -d ' '"), "32");
    assert.match((await small.run("head -c 40000000 /dev/zero >/root/file")).stderr, /No space left on device/);
  });

  it("a snapshot stays the same until something changes", async () => {
    const before = await host.snapshot();
    await host.ssh("nix store ping", { user: "deploy" });
    assert.deepEqual(difference(before, await host.snapshot()), []);
    await host.output(
      "systemd-run --quiet --unit new sleep 1000; ln -s /run /nix/var/nix/gcroots/new; echo new >/etc/new; rm /etc/motd",
    );
    const changes = difference(before, await host.snapshot()).join("\n");
    for (const what of [
      /^\+ new.service loaded active running$/m,
      /^\+ nix\/var\/nix\/gcroots\/new l .* \/run$/m,
      /^\+ [0-9a-f]{64} {2}etc\/new$/m,
      /^- etc\/motd f 644 root:root /m,
    ]) {
      assert.match(changes, what);
    }
  });
});

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const started = performance.now();
  return [await work(), performance.now() - started];
}
