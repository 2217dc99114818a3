/** A deploy user deploys: everything that an operator's login does for one's own host, through the gate, and nothing is lost on the way. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Host } from "../lab/host.ts";
import { type Release, releases } from "../lab/rootfs.ts";
import { DeployUserScene, USER } from "./deploy-user.ts";
import { assertUnchanged, FLAKE, finish, MAIN, skip, untilQuiet } from "./scene.ts";

/** What a system says of itself, of which nothing else makes a deploy user's host. */
const WEB2 = { environment: { etc: { "bungee/node": { text: "web2\n" } } } };

/** An operator's login in place of the deploy user's. */
const ROOT = { bungee: { user: "root", identityFile: undefined } };

describe("a deploy user", { skip, concurrency: true }, () => {
  for (const release of releases) describe(`on ${release}`, { concurrency: 1 }, () => deploys(release));
});

function deploys(release: Release): void {
  let ours: DeployUserScene;
  let web1: Host;
  let web2: Host;

  before(async () => {
    // Nix takes what the deploy user brings to web2, and web2 itself does not ask who signed it.
    ours = await DeployUserScene.open(
      { hosts: ["web1", "web2"], hostRelease: release },
      {},
      { web2: { trusted: true } },
    );
    web1 = ours.scene.host("web1");
    web2 = ours.scene.host("web2");
  });
  after(() => ours?.[Symbol.asyncDispose]());

  const unsigned = (version: string, more = {}) => ours.spec({ version, ...more }, { trusted: true });
  const demanding = (version: string, more: { bungee?: object } = {}) =>
    ours.spec({ version, ...more, bungee: { requireSignature: true, ...more.bungee } }, { requireSignature: true });

  async function deployed(...words: string[]) {
    const deployment = await ours.scene.deploy(...words);
    const [outcome] = Object.values(deployment.outcomes);
    assert.ok(outcome, deployment.stderr + deployment.stdout);
    return outcome;
  }

  it("switches: the whole run through plain words, and nothing else by sudo", async () => {
    const path = await ours.make("web2", unsigned("2"));
    assert.deepEqual(await deployed("web2"), { kind: "confirmed", release: path });
    const { running, profile, bootDefault } = await web2.triple();
    assert.deepEqual([running, profile, bootDefault], [path, path, path]);
    assert.match(await web2.output("tail -n 1 /var/lib/bungee/history"), /"actor":"[^" ]+ \(deploy user\)"/);
    const commands = await web2.output(
      "journalctl -b -t sudo -o cat | sed -n 's/.*COMMAND=//p' | cut -d' ' -f1-2 | sort -u",
    );
    const command = "/run/current-system/sw/bin/bungee-activator-restricted";
    assert.deepEqual(
      commands.split("\n"),
      ["begin", "confirm", "facts", "follow"].map((verb) => `${command} ${verb}`),
    );
  });

  it("goes on after a copy that was cut: no later one waits for it", { timeout: 240_000 }, async () => {
    const path = await ours.make("web2", unsigned("cut", { payloadKiB: 8192 }));
    await web2.limit({ mbit: 4 });
    const running = ours.scene.start("deploy", "web2", "--action", "stage", "--report", "json");
    while (!/"stage":"copy","done":\d{6}/.test(running.stdout) && running.alive) await pause(20);
    await web2.cut("refuse");
    assert.equal((await finish(running)).code, 1);
    await web2.heal();
    await web2.limit({});
    assert.deepEqual(await deployed("web2", "--action", "stage"), { kind: "staged", release: path });
  });

  it("tells Prometheus what an operator would be told", async () => {
    const { code, stdout, stderr } = await ours.scene.deployer.run(["node", MAIN, "metrics", "web2"], { cwd: FLAKE });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^nixos_current_generation\{host="web2",node="web2"\} 2$/m);
    const ofSystem = 'profile="",user="",action="switch",state="committed"';
    assert.match(stdout, new RegExp(`^bungee_last_run_state\\{host="web2",${ofSystem},node="web2"\\} 1$`, "m"));
  });

  it("tests, stages, shows what would be done, and sets what boots", async () => {
    const before = await web2.triple();
    const path = await ours.make("web2", unsigned("3", { bungee: { elevation: "none" } }));
    assert.equal((await deployed("web2", "--action", "dry-activate")).kind, "previewed");
    assert.equal((await deployed("web2", "--action", "stage")).kind, "staged");
    assert.deepEqual(await web2.triple(), before);
    assert.equal((await deployed("web2", "--action", "boot")).kind, "confirmed");
    assert.deepEqual(await web2.triple(), { ...before, profile: path, bootDefault: path });
    assert.equal((await deployed("web2", "--action", "test")).kind, "confirmed");
    assert.equal((await web2.triple()).running, path);
  });

  for (const [what, more] of [
    ["cuts its network", { behaviour: "cuts-network" }],
    ["forgets its deploy user", { deployUser: undefined, config: WEB2 }],
  ] as const) {
    it(`comes back from a system that ${what}`, async () => {
      const before = await web2.triple();
      await ours.make("web2", { ...unsigned("4"), ...more } as ReturnType<typeof unsigned>);
      const outcome = await deployed("web2");
      assert.ok(outcome.kind === "rolled-back" && outcome.verified, JSON.stringify(outcome));
      assert.equal(outcome.why.code, "unconfirmed");
      assert.deepEqual(await web2.triple(), before);
      await untilQuiet(web2);
    });
  }

  it("is told how to mend it when nix wants signatures", async () => {
    await ours.make("web1", ours.spec({ version: "2" }));
    const outcome = await deployed("web1");
    assert.ok(outcome.kind === "failed" && outcome.why.code === "copy", JSON.stringify(outcome));
    assert.match(outcome.why.mend, /signed by a key of the host's nix\.settings\.trusted-public-keys/);
  });

  it("deploys signed systems to a host that takes no others, those parts included that came there unsigned", async () => {
    // The factory put web1's first system there without a signature, and most of it is a part of this one.
    // The nix of bookworm lets nobody but root sign what is there.
    const path = await ours.make("web1", demanding("2", release === "bookworm" ? ROOT : {}), "fleet");
    assert.deepEqual(await deployed("web1"), { kind: "confirmed", release: path });
    const next = await ours.make("web1", demanding("3"), "fleet");
    assert.deepEqual(await deployed("web1"), { kind: "confirmed", release: next });
  });

  it("is refused unsigned ones there, and so is root, whatever is to be done with them", async () => {
    await ours.make("web1", demanding("4", { bungee: { ...ROOT.bungee, requireSignature: undefined } }));
    for (const action of ["switch", "test", "boot", "stage", "dry-activate"]) {
      const before = await web1.snapshot();
      const outcome = await deployed("web1", "--action", action);
      assert.ok(outcome.kind === "failed" && outcome.why.code === "refused", `${action}: ${JSON.stringify(outcome)}`);
      assert.match(outcome.why.message, /no key that this host trusts has signed/);
      // Root's nix took the paths: they lie in the store, and that is all.
      const came = (snapshot: string) =>
        snapshot
          .split("\n")
          .filter((line) => !/^nix\/store\//.test(line))
          .join("\n");
      assertUnchanged(came(before), came(await web1.snapshot()));
    }
  });

  it("is told which side is older when the installed activator speaks another protocol", async () => {
    const before = await web2.triple();
    await ours.make("web2", unsigned("5"));
    const installed = await web2.output("readlink -f /run/current-system/sw/bin/bungee-activator");
    await web2.output(
      `sed 's/^PROTOCOL=.*/PROTOCOL=9/' ${installed} >/run/other; chmod 755 /run/other; mount --bind /run/other ${installed}`,
    );
    const outcome = await deployed("web2");
    await web2.output(`umount ${installed}`);
    assert.ok(outcome.kind === "failed" && outcome.why.code === "protocol", JSON.stringify(outcome));
    assert.match(outcome.why.message, /speaks protocol 9, this bungee speaks \d+/);
    assert.deepEqual(await web2.triple(), before);
  });

  it("has an account without password, home or shell", async () => {
    const [, , , , , home, shell] = (await web1.output(`getent passwd ${USER}`)).split(":");
    assert.deepEqual([home, shell], ["/var/empty", "/run/current-system/sw/bin/bungee-gate"]);
    assert.equal((await web1.output(`getent shadow ${USER}`)).split(":")[1], "*");
    assert.equal(await web1.output(`id -nG ${USER}`), USER);
  });
}
