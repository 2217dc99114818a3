/** `bungee push-cache`: what is built is kept on a cache's host, as long as it was asked for, and other hosts fetch it there. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Host } from "../lab/host.ts";
import { type Release, releases } from "../lab/rootfs.ts";
import type { SystemSpec } from "../systems/fleet.ts";
import { type Deployment, FLAKE, finish, Scene, skip } from "./scene.ts";

const ROOTS = "/nix/var/nix/gcroots/bungee-cache";
const KEY = "/root/.ssh/push";
/** What waits for the lock of a copy that nobody makes any more waits for ever. */
const STUCK_MS = 240_000;
const SIGNER = "/root/fleet.key";
/** A node's name may be anything. */
const HOSTILE = "../../$(touch /evil)";

describe("bungee push-cache", { skip, concurrency: true }, () => {
  // Each with the other nix on the deployer.
  for (const release of releases) describe(`to a cache on ${release}`, { concurrency: 1 }, () => pushes(release));
});

function pushes(release: Release): void {
  let scene: Scene;
  let cache: Host;
  let signers: string[];

  before(async () => {
    const deployerRelease = releases.find((other) => other !== release) ?? release;
    scene = await Scene.open({ hosts: ["cache", "web2"], hostRelease: release, deployerRelease, installed: false });
    cache = scene.host("cache");
    const { deployer } = scene;
    await deployer.output(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ci@forge", "-f", KEY]);
    await deployer.output(["nix-store", "--generate-binary-cache-key", "fleet-1", SIGNER, `${SIGNER}.pub`]);
    signers = [await deployer.output(["cat", `${SIGNER}.pub`])];
    const authorizedKeys = [await deployer.output(["cat", `${KEY}.pub`])];
    await scene.install({ cache: { pushUser: { authorizedKeys, signers } }, web2: {} });
  });
  after(() => scene?.[Symbol.asyncDispose]());

  const start = (...words: string[]) => scene.start("push-cache", ...words, "--report", "json");
  const AS_USER = ["--to", "ssh://push@cache", "--ssh-key-file", KEY];
  const SIGNED = [...AS_USER, "--sign-key", SIGNER];
  const push = (...words: string[]): Promise<Deployment> => finish(start(...words));

  const rootsOf = async (node: string) =>
    (await cache.output(`cd ${ROOTS}/fleet/${node} && for n in $(ls | sort -n); do readlink $n; done`)).split("\n");
  const holds = async (path: string) => (await cache.run(["nix-store", "--check-validity", path])).code === 0;
  const collectGarbage = () => cache.output("nix-store --gc 2>&1");
  const stages = ({ events }: Deployment) =>
    new Set(events.flatMap((event) => (event.type === "stage-started" ? [event.stage] : [])));
  const notices = ({ events }: Deployment) =>
    events.flatMap((event) => (event.type === "notice" ? [event.message] : [])).join("\n");

  /** Writes the fleet and builds a node. Gives its path. */
  async function make(version: string, more: Record<string, SystemSpec> = {}): Promise<string> {
    await scene.write({ web1: { version }, web2: { version }, ...more });
    return await scene.build("web1");
  }

  it("keeps what could be built, whatever its node is called, and lets nothing of it go with the garbage", async () => {
    const first = await make("1", {
      broken: { behaviour: "fails-to-build" },
      [HOSTILE]: { hostName: "evil", bungee: { addresses: ["nowhere"] } },
    });
    const pushed = await push("--all", ...SIGNED);
    assert.equal(pushed.code, 1, pushed.stderr + pushed.stdout);
    const { web1, web2, broken, [HOSTILE]: hostile } = pushed.outcomes;
    assert.deepEqual(web1, { kind: "staged", release: first, cache: "cache" });
    assert.ok(web2?.kind === "staged" && hostile?.kind === "staged" && broken?.kind === "failed");
    assert.equal(broken.why.code, "build");
    assert.deepEqual([...stages(pushed)].sort(), ["build", "connect", "copy", "evaluate"]);

    const listed = (await cache.output(`find ${ROOTS} -type l -printf '%P %l\\n'`)).split("\n").sort();
    assert.deepEqual(listed, [
      `fleet/+2e.+2f..+2f+24+28touch+20+2fevil+29/1 ${hostile.release}`,
      `fleet/web1/1 ${first}`,
      `fleet/web2/1 ${web2.release}`,
    ]);
    assert.equal(await cache.output(`stat -c %U ${ROOTS} ${ROOTS}/fleet/web1 | sort -u`), "push");
    const stray = await cache.output("echo stray >/tmp/stray && nix-store --add /tmp/stray");
    await collectGarbage();
    assert.deepEqual(await Promise.all([first, web2.release, hostile.release, stray].map(holds)), [
      true,
      true,
      true,
      false,
    ]);
    assert.equal((await cache.run(["nix-store", "--verify-path", first])).code, 0);
  });

  it("keeps the newest of each node, as many as were asked for, whoever pushed them", async () => {
    const [first] = await rootsOf("web1");
    const second = await make("2");
    assert.equal((await push("web1", ...SIGNED, "--keep", "2")).code, 0);
    assert.deepEqual(await rootsOf("web1"), [first, second]);
    const third = await make("3");
    // By an operator, who may become root there.
    const byRoot = await push("web1", "--to", "ssh-ng://root@cache:22", "--keep", "2");
    assert.equal(byRoot.code, 0, byRoot.stderr + byRoot.stdout);
    assert.deepEqual(await rootsOf("web1"), [second, third]);
    await collectGarbage();
    assert.deepEqual(await Promise.all([first!, second, third].map(holds)), [false, true, true]);

    // What was there before becomes the newest again, and counts once.
    assert.equal(await make("2"), second);
    assert.equal((await push("web1", ...SIGNED, "--keep", "2")).code, 0);
    assert.deepEqual(await rootsOf("web1"), [third, second]);
    assert.equal((await rootsOf("web2")).length, 1, "another node's are its own");
  });

  it("tries again when the connection is cut, and has no root before all is there", { timeout: STUCK_MS }, async () => {
    const before = await rootsOf("web1");
    const next = await make("4", { web1: { version: "4", payloadKiB: 8192 } });
    await cache.limit({ mbit: 4 });
    const running = start("web1", ...SIGNED);
    while (!/"stage":"copy","done":\d{6}/.test(running.stdout) && running.alive) await pause(20);
    await cache.cut("refuse");
    assert.deepEqual([await holds(next), await rootsOf("web1")], [false, before]);
    while (!running.stdout.includes("trying again") && running.alive) await pause(20);
    await cache.heal();
    await cache.limit({});
    const { code, stdout, stderr } = await finish(running);
    assert.equal(code, 0, stderr + stdout);
    assert.deepEqual(await rootsOf("web1"), [...before, next].slice(-3));
  });

  it("stands two at once, for one node", async () => {
    const one = await make("5");
    await scene.deployer.output(`cp -r ${FLAKE} /root/other`);
    await scene.deployer.output('sed -i \'s/"5"/"6"/\' /root/other/fleet.json');
    const both = await Promise.all([
      push("web1", "web2", ...SIGNED, "--keep", "2"),
      push("web1", "web2", ...SIGNED, "--keep", "2", "--fleet", "fleet", "--flake", "path:/root/other"),
    ]);
    assert.deepEqual(
      both.map(({ code }) => code),
      [0, 0],
      both.map(({ stdout }) => stdout).join("\n"),
    );
    const other = both[1].outcomes.web1;
    assert.ok(other?.kind === "staged" && other.release !== one);
    assert.deepEqual((await rootsOf("web1")).sort(), [one, other.release].sort());
    await collectGarbage();
    assert.deepEqual(await Promise.all([one, other.release].map(holds)), [true, true]);
  });

  describe("fails before anything is built when", () => {
    async function refused(...words: string[]) {
      const before = await cache.output(`find ${ROOTS} | sort`);
      await make("never");
      const pushed = await push("web1", "web2", ...words);
      assert.equal(pushed.code, 1, pushed.stderr + pushed.stdout);
      assert.ok(!stages(pushed).has("build"), "nothing was built");
      assert.equal(await cache.output(`find ${ROOTS} | sort`), before);
      const { web1, web2 } = pushed.outcomes;
      assert.ok(web1?.kind === "failed" && web2?.kind === "failed");
      return web1.why;
    }

    it("the cache cannot be reached", async () => {
      await cache.cut("refuse");
      const why = await refused(...SIGNED).finally(() => cache.heal());
      assert.equal(why.code, "unreachable");
      assert.match(why.message, /cache/);
    });

    it("its host key is another", async () => {
      await scene.deployer.output(
        "ssh-keygen -q -t ed25519 -N '' -f /root/stranger && echo cache $(cat /root/stranger.pub) >/root/known",
      );
      assert.equal((await refused(...SIGNED, "--known-hosts", "/root/known")).code, "host-key");
    });

    it("it does not know the key", async () => {
      assert.equal((await refused("--to", "ssh://push@cache", "--ssh-key-file", "/root/stranger")).code, "login");
    });
  });

  it("says what an unsigned path needs, and where a full disk is", async () => {
    const before = await rootsOf("web1");
    await make("7", { web1: { version: "7", payloadKiB: 64 * 1024 } });
    const unsigned = await push("web1", ...AS_USER);
    assert.equal(unsigned.code, 1);
    assert.match(
      notices(unsigned),
      /web1: cache takes only what is signed by a key that it trusts \(fleet-1\).*--sign-key/,
    );
    const { web1 } = unsigned.outcomes;
    assert.ok(
      web1?.kind === "failed" && web1.why.code === "copy" && /--sign-key/.test(web1.why.mend),
      JSON.stringify(web1),
    );

    await cache.fillDisk(8 * 2 ** 20);
    const full = await push("web1", ...SIGNED).finally(() => cache.freeDisk());
    const outcome = full.outcomes.web1;
    assert.ok(full.code === 1 && outcome?.kind === "failed", full.stdout);
    assert.match(outcome.why.mend, /make room on cache: only \d+ MiB/);
    assert.match(notices(full), /only \d+ MiB free for \/nix\/store on cache/);
    assert.deepEqual(await rootsOf("web1"), before);
  });

  it("gives the push user nothing else", async () => {
    const hostile = [
      "id",
      "",
      "nix-daemon --stdio; id",
      "nix-daemon --stdio --option sandbox false",
      "nix-store --serve --write",
      "bungee-cache-keeper",
      "bungee-cache-keeper keep fleet web1 3; id",
      "bungee-cache-keeper keep $(id) web1 3",
      "bungee-cache-keeper  info",
      "bungee-cache-keeper info --x",
      "bungee-activator facts",
      "sudo -n id",
      "scp -t /tmp",
      "/usr/lib/openssh/sftp-server",
    ];
    const login = ["ssh", "-i", KEY, "-o", "IdentitiesOnly=yes", "push@cache"];
    for (const command of hostile) {
      const { code, stdout } = await scene.deployer.run([...login, command]);
      assert.ok(
        code !== 0 && /"error":"(restricted|usage)"/.test(stdout) && !/uid=/.test(stdout),
        `${command}: ${stdout}`,
      );
    }
    for (const names of [
      "../.. web1",
      ". web1",
      "fleet ..",
      "fleet .hidden",
      "-rf web1/../..",
      `${"a".repeat(256)} web1`,
    ]) {
      const command = [...login, `bungee-cache-keeper keep ${names} 3`];
      const { code, stdout } = await scene.deployer.run(command, { stdin: `${(await rootsOf("web1"))[0]}\n` });
      assert.ok([64, 65].includes(code) && /"error"/.test(stdout), `${names}: ${code} ${stdout}`);
    }
    for (const path of ["/etc/passwd", "/nix/store/../../etc", `/nix/store/${"0".repeat(32)}-nothing`, ""]) {
      const { stdout } = await scene.deployer.run([...login, "bungee-cache-keeper keep fleet web1 3"], {
        stdin: `${path}\n`,
      });
      assert.match(stdout, /"error":"(usage|not-valid)"/, path);
    }
    const endless = `tr '\\0' a </dev/zero | timeout 60 "$@"`;
    const { stdout } = await scene.deployer.run([
      "sh",
      "-c",
      endless,
      "sh",
      ...login,
      "bungee-cache-keeper keep fleet web1 3",
    ]);
    assert.match(stdout, /"error":"usage","message":"more than \d+ bytes/);
    assert.equal((await cache.run("ls -a /evil /nix/var/nix/gcroots/web1 /nix/var/nix/web1")).stdout, "");
    const sudo = await cache.run("runuser -u push -- sudo -n -l || true; id -Gn push");
    assert.ok(!/NOPASSWD/.test(sudo.stdout) && sudo.stdout.trim().endsWith("push"), sudo.stdout);
  });

  it("lets another host fetch there what the deployer then need not send", async () => {
    const web2 = scene.host("web2");
    await web2.output("ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519");
    const reader = await web2.output("cat /root/.ssh/id_ed25519.pub");
    await cache.output("cat >>/etc/ssh/authorized_keys.d/root", { stdin: `${reader}\n` });
    await web2.output("cat >/root/.ssh/known_hosts", { stdin: `${cache.address} ${cache.hostKey}\n` });
    const conf = `substituters = ssh-ng://root@${cache.address}\ntrusted-public-keys = ${signers.join(" ")}\n`;
    await web2.output("cat >>/etc/nix/nix.conf", { stdin: conf });
    await web2.output("systemctl restart nix-daemon.service");
    const sent = async (version: string, bungee: object) => {
      await scene.write({ web2: { version, payloadKiB: 4096, bungee: { ...bungee } } });
      const release = await scene.build("web2");
      if ("substituteOnTarget" in bungee) assert.equal((await push("web2", ...SIGNED)).code, 0);
      const { code, events, stdout } = await scene.deploy("web2", "--action", "stage");
      assert.equal(code, 0, stdout);
      assert.equal((await web2.run(["nix-store", "--check-validity", release])).code, 0);
      return Math.max(...events.map((event) => (event.type === "stage-progress" ? event.done : 0)));
    };
    const all = await sent("8", {});
    const little = await sent("9", { substituteOnTarget: true });
    assert.ok(all > 4096 * 1024 && little < 1024 * 1024, `${all} and ${little} bytes`);
  });
}
