/**
 * The list that the pipeline is accepted by, step by step and in its order. All is done by what a CI job does: `bungee push-cache` and
 * `bungee ci`, with CI's one key, which is the deploy user's on the hosts and the push user's on the cache.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Host } from "../lab/host.ts";
import { checkout } from "../lab/workstation.ts";
import type { SystemSpec } from "../systems/fleet.ts";
import { DeployUserScene, USER } from "./deploy-user.ts";
import { type Deployment, FLAKE, finish, MAIN, skip } from "./scene.ts";

const SIGNER = "/root/fleet.key";

/** What nix/metrics.nix runs; when it does is shown in test/host/metrics.test.ts. */
const SCRIPT = readFileSync(join(checkout, "src/activator/metrics.sh"), "utf8");

/** In place of sops: a secret that only a host's own key, which is nowhere else, makes readable; `sh` and coreutils do it on the host. */
const SECRET = randomBytes(12).toString("hex");
const HOST_KEY = "/root/host.key";
const DECRYPT = `
key=$(sha256sum <${HOST_KEY}) text=$(cat /etc/secret)
mkdir -p -m 700 /run/secrets
while [ -n "$text" ]; do
  printf "\\\\$(printf %03o $((0x\${text%"\${text#??}"} ^ 0x\${key%"\${key#??}"})))"
  text=\${text#??} key=\${key#??}
done >/run/secrets/database`;
const encrypted = (key: string) => {
  const bytes = createHash("sha256").update(key).digest();
  return Buffer.from([...Buffer.from(SECRET)].map((byte, index) => byte ^ bytes[index]!)).toString("hex");
};

class Pipeline implements AsyncDisposable {
  readonly #ours: DeployUserScene;
  readonly #env: Readonly<Record<string, string>>;
  readonly #secrets = new Map<string, string>();
  readonly web1: Host;
  readonly web2: Host;
  readonly cache: Host;

  private constructor(ours: DeployUserScene) {
    this.#ours = ours;
    const { scene } = ours;
    [this.web1, this.web2, this.cache] = [scene.host("web1"), scene.host("web2"), scene.host("cache")];
    const take = (name: string) => readFileSync(scene.deployer.path(`/root/.ssh/${name}`), "utf8");
    this.#env = {
      BUNGEE_SSH_KEY: take(USER),
      BUNGEE_KNOWN_HOSTS: take("known_hosts"),
      GITHUB_ACTIONS: "true",
      GITHUB_REPOSITORY: "octo/fleet",
      GITHUB_RUN_ID: "42",
      GITHUB_EVENT_NAME: "push",
    };
    // A runner has no keys, hosts or settings of its own.
    rmSync(scene.deployer.path("/root/.ssh"), { recursive: true });
  }

  static async open(): Promise<Pipeline> {
    const ours = await DeployUserScene.open({ hosts: ["web1", "web2", "cache"] });
    const { scene } = ours;
    const read = (file: string) => scene.deployer.output(["cat", file]);
    const pushUser = { authorizedKeys: [await read(`/root/.ssh/${USER}.pub`)], signers: [await read(`${SIGNER}.pub`)] };
    await scene.install({ cache: { pushUser } });
    const pipeline = new Pipeline(ours);
    await pipeline.#prepare(pipeline.web1);
    await pipeline.#prepare(pipeline.web2);
    return pipeline;
  }

  /** Harmonia is not in the lab: hosts read the cache's store by ssh. */
  async #prepare(host: Host): Promise<void> {
    const { cache } = this;
    await host.output("cat >/root/metrics.sh", { stdin: SCRIPT });
    // What a developer does once: it is encrypted for the host.
    await host.output(`head -c 32 /dev/urandom | sha256sum >${HOST_KEY}`);
    this.#secrets.set(host.name, encrypted(`${await host.output(["cat", HOST_KEY])}\n`));
    await host.output("ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519");
    const reader = await host.output("cat /root/.ssh/id_ed25519.pub");
    await cache.output("cat >>/etc/ssh/authorized_keys.d/root", { stdin: `${reader}\n` });
    await host.output("cat >/root/.ssh/known_hosts", { stdin: `${cache.address} ${cache.hostKey}\n` });
  }

  /** What is committed: one version for both hosts, and more for each. */
  async commit(version: string, more: Readonly<Record<string, SystemSpec>> = {}): Promise<void> {
    const nodes = ["web1", "web2"].map((name) => {
      const activationScripts = { secret: DECRYPT, where: "pwd >/run/where" };
      const config = {
        system: { activationScripts },
        environment: { etc: { secret: { text: this.#secrets.get(name) } } },
      };
      const settings = { version, config, bungee: { substituteOnTarget: true }, ...more[name] };
      return [name, this.#ours.spec(settings, { nixConf: `substituters = ssh-ng://root@${this.cache.address}` })];
    });
    await this.#ours.scene.write(Object.fromEntries(nodes));
  }

  /** The jobs of a push to a branch: what is built goes to the cache; then the branch decides. */
  async push(branch: string): Promise<Deployment> {
    const built = await this.#run("push-cache", "--all", "--to", "ssh://push@cache", "--sign-key", SIGNER);
    assert.equal(built.code, 0, built.stderr + built.stdout);
    return await this.#run("ci", "--branch", branch);
  }

  /** Files of CI's machine that have a text in them. */
  async find(text: string): Promise<string> {
    const { stdout } = await this.#ours.scene.deployer.run(["grep", "-rlF", text, "/root", "/tmp", "/dev/shm", "/nix"]);
    return stdout;
  }

  #run(...words: string[]): Promise<Deployment> {
    const argv = ["node", MAIN, ...words, "--report", "json"];
    return finish(this.#ours.scene.deployer.spawn(argv, { cwd: FLAKE, env: this.#env }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ours[Symbol.asyncDispose]();
  }
}

const version = (host: Host) => host.output("cat /run/app/version");

/** What a host tells Prometheus now: the metrics of the list, and how the last run ended. */
async function metrics(host: Host) {
  const text = await host.output("sh /root/metrics.sh /run/bungee.prom && cat /run/bungee.prom");
  const value = (name: string) => Number(new RegExp(`^${name}\\{host="${host.name}"\\} (\\d+)$`, "m").exec(text)?.[1]);
  const age = Number(await host.output("echo $(($(date +%s) - $(stat -c %Y /run/current-system)))"));
  const late = age - value("nixos_config_age_seconds");
  assert.ok(late >= 0 && late < 60, `${late} s between the age and its metric: ${text}`);
  const [, action, state] = /^bungee_last_run_state\{.*action="([a-z]+)",state="([a-z-]+)"\} 1$/m.exec(text) ?? [];
  return [value("nixos_current_generation"), value("nixos_boot_generation"), action, state];
}

test("the acceptance list, as CI goes through it", { skip }, async (t) => {
  await using pipeline = await Pipeline.open();
  const { web1, web2 } = pipeline;
  const factory = { web1: await web1.triple(), web2: await web2.triple() };
  const told: Record<string, unknown> = {};

  await t.test("a test branch runs `test` on the guinea pig", async () => {
    await pipeline.commit("2");
    const { code, outcomes, stderr } = await pipeline.push("test-web1");
    assert.equal(code, 0, stderr);
    assert.ok(outcomes.web1?.kind === "confirmed" && outcomes.web2 === undefined, JSON.stringify(outcomes));
    assert.deepEqual(await web1.triple(), { ...factory.web1, running: outcomes.web1.release });
    assert.deepEqual(await web2.triple(), factory.web2);
    assert.deepEqual([await version(web1), await version(web2)], ["2", "1"]);
    assert.equal(await web1.output("cat /run/where"), "/", "from a directory that is there for everybody");
    told.test = await metrics(web1);
  });

  await t.test("a reboot falls back", async () => {
    await web1.reset();
    await web1.waitSsh();
    const { running, profile, bootDefault } = await web1.triple();
    assert.deepEqual(
      [running, profile, bootDefault],
      [factory.web1.running, factory.web1.profile, factory.web1.bootDefault],
    );
    assert.equal(await version(web1), "1");
    told.reboot = await metrics(web1);
  });

  await t.test("main switches all", async () => {
    const { code, outcomes, stderr } = await pipeline.push("main");
    assert.equal(code, 0, stderr);
    for (const host of [web1, web2]) {
      const outcome = outcomes[host.name];
      assert.ok(outcome?.kind === "confirmed", JSON.stringify(outcomes));
      const { running, profile, bootDefault } = await host.triple();
      assert.deepEqual([running, profile, bootDefault], Array(3).fill(outcome.release));
      assert.equal(await version(host), "2");
      const last = await host.output("tail -n 1 /var/lib/bungee/history");
      assert.match(last, /"actor":"ci:octo\/fleet:42 \(deploy user\)"/);
    }
    told.main = [await metrics(web1), await metrics(web2)];
  });

  await t.test("a broken configuration rolls back, and every other host gets what it should", async () => {
    const before = await web2.triple();
    await pipeline.commit("3", { web2: { behaviour: "cuts-network" } });
    const { code, outcomes } = await pipeline.push("main");
    assert.equal(code, 1);
    assert.ok(outcomes.web2?.kind === "rolled-back" && outcomes.web2.verified, JSON.stringify(outcomes));
    assert.deepEqual(await web2.triple(), before);
    assert.deepEqual([await version(web1), await version(web2)], ["3", "2"]);
    told.broken = [await metrics(web1), await metrics(web2)];
  });

  await t.test("the cache pull works: hosts fetch there what CI pushed, and CI sends next to nothing", async () => {
    const payloadKiB = 4096;
    await pipeline.commit("4", { web1: { payloadKiB }, web2: { payloadKiB } });
    const { code, outcomes, events, stderr } = await pipeline.push("main");
    assert.equal(code, 0, stderr);
    for (const host of [web1, web2]) {
      const outcome = outcomes[host.name];
      assert.ok(outcome?.kind === "confirmed", JSON.stringify(outcomes));
      await pipeline.cache.output(["nix-store", "--check-validity", outcome.release]);
      assert.equal(await version(host), "4");
      const sent = events.flatMap((event) =>
        event.type === "stage-progress" && event.node === host.name && event.stage === "copy" ? [event.done] : [],
      );
      assert.ok(sent.length > 0 && Math.max(...sent) < 1024 * 1024, `${host.name} was sent ${sent.at(-1)} bytes`);
    }
    told.pulled = [await metrics(web1), await metrics(web2)];
  });

  await t.test("each host has decrypted its secret, which CI's machine never could", async () => {
    for (const host of [web1, web2]) assert.equal(await host.output("cat /run/secrets/database"), SECRET);
    assert.equal(await pipeline.find(SECRET), "");
    assert.equal(await pipeline.find(await web1.output(["cut", "-c", "-64", HOST_KEY])), "");
  });

  await t.test("the metrics were correct all the while", () => {
    // The generation that runs, the one that boots, and the last run.
    assert.deepEqual(told, {
      test: [0, 1, "test", "committed"],
      reboot: [1, 1, "test", "committed"],
      main: [
        [2, 2, "switch", "committed"],
        [2, 2, "switch", "committed"],
      ],
      broken: [
        [3, 3, "switch", "committed"],
        [2, 2, "switch", "rolled-back"],
      ],
      pulled: [
        [4, 4, "switch", "committed"],
        [3, 3, "switch", "committed"],
      ],
    });
  });
});
