/** A flake of deploy-rs is deployed as it stands, every profile of it, by one other command. */
import assert from "node:assert/strict";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type SystemSpec, writeFleet } from "../systems/fleet.ts";
import { readExposition } from "../unit/report/exposition.ts";
import { type Deployment, finish, MAIN, Scene, skip } from "./scene.ts";

const FOLDER = "/root/deploy-rs-fleet";
const PROFILES = "/nix/var/nix/profiles";
const LINKS = {
  site: `${PROFILES}/per-user/root/site`,
  home: "/home/alice/.local/state/nix/profiles/home",
  shared: `${PROFILES}/shared-site`,
};

/** What the profile `site` does; each version brings the network back that a bad one has cut. */
const site = (version: string, then = ":") =>
  `#!/bin/sh\nset -eu\necho ${version} >/var/lib/site\npwd >>/var/lib/site\nip link set host0 up\n${then}\n`;

async function write(scene: Scene, nodes: Readonly<Record<string, SystemSpec>>, program: string): Promise<void> {
  const directory = scene.deployer.path(FOLDER);
  await writeFleet(directory, { nodes });
  await cp(join(import.meta.dirname, "deploy-rs"), join(directory, "deploy-rs"), { recursive: true });
  await cp(join(import.meta.dirname, "deploy-rs", "flake.nix"), join(directory, "flake.nix"));
  await writeFile(join(directory, "site.sh"), program);
}

/** `bungee deploy …`, where the flake is. */
const deploy = (scene: Scene, ...words: string[]): Promise<Deployment> =>
  finish(scene.deployer.spawn(["node", MAIN, "deploy", ...words, "--report", "json"], { cwd: FOLDER }));

const kinds = ({ outcomes }: Deployment) =>
  Object.fromEntries(Object.entries(outcomes).map(([name, { kind }]) => [name, kind]));
const notices = ({ events }: Deployment) =>
  events.flatMap((event) => (event.type === "notice" ? [`${event.level}: ${event.message}`] : []));
const all = ({ stdout, stderr }: Deployment) => stderr + stdout;

describe("a flake of deploy-rs", { skip }, () => {
  test("is deployed as it stands; each profile is confirmed, or gone back from, on its own", async (t) => {
    await using scene = await Scene.open({ hosts: ["web1", "web2"] });
    const [web1, web2] = [scene.host("web1"), scene.host("web2")];
    const at = (link: string) => web1.output(["readlink", "-f", link]);
    const history = () => web1.output("cat /var/lib/bungee/history 2>/dev/null || true");
    await web2.output(`
      printf 'Port 22\\nPort 2222\\nLogLevel VERBOSE\\n' >/etc/ssh/sshd_config.d/deploy-rs.conf
      systemctl restart ssh`);
    await web2.waitSsh();
    await scene.deployer.output("ssh-keyscan -p 2222 web2 2>/dev/null >>/root/.ssh/known_hosts");
    const since = await web2.output("journalctl -u ssh --show-cursor -n 0 | sed -n 's/^-- cursor: //p'");
    const versions = (version: string) => ({ web1: { version }, web2: { version } });

    await t.test("all of it, by `bungee deploy --all`", async () => {
      await write(scene, versions("d1"), site("1"));
      const deployed = await deploy(scene, "--all");
      assert.equal(deployed.code, 0, all(deployed));
      assert.deepEqual(kinds(deployed), {
        web1: "confirmed",
        "web1.home": "confirmed",
        "web1.shared": "confirmed",
        "web1.site": "confirmed",
        web2: "confirmed",
      });
      const finished = deployed.events.flatMap((event) =>
        event.type === "node-finished" && event.node.startsWith("web1") ? [event.node] : [],
      );
      assert.deepEqual(finished, ["web1", "web1.site", "web1.home", "web1.shared"], "in profilesOrder, then by name");
      for (const host of [web1, web2]) {
        const { running, profile, bootDefault } = await host.triple();
        assert.match(running ?? "", /nixos-system-web\d-d1$/);
        assert.deepEqual([profile, bootDefault], [running, running]);
      }
      for (const link of Object.values(LINKS)) assert.match(await at(link), /-activatable-site$/);
      assert.equal(await web1.output("cat /var/lib/site"), `1\n${await at(LINKS.site)}`);
      assert.equal(
        await web1.output("cat /home/alice/home; stat -c %U /home/alice/home"),
        `home\n${await at(LINKS.home)}\nalice`,
      );
      // What ssh was told, and what it could not be.
      const log = await web2.output(["journalctl", "-u", "ssh", "--output=cat", "--after-cursor", since.trim()]);
      const ports = new Set(
        [...log.matchAll(/^Connection from \S+ port \d+ on \S+ port (\d+)/gm)].map(([, port]) => port),
      );
      assert.deepEqual([...ports], ["2222"]);
      const told = notices(deployed);
      assert.ok(
        told.some((notice) => /^info: the hosts are those of deploy\.nodes.*--schema bungee/.test(notice)),
        all(deployed),
      );
      assert.ok(told.some((notice) => /^info: tempPath is not needed/.test(notice)));
      assert.deepEqual(
        told.filter((notice) => notice.startsWith("warning")),
        ["warning: web2: sshOpts: not taken: -A (bungee forwards neither agent nor display)"],
      );
      // The system stays at web2, where it was built.
      assert.notEqual(
        (await scene.deployer.run(["nix-store", "--check-validity", (await web2.triple()).running!])).code,
        0,
      );
    });

    await t.test("again: nothing is left to do", async () => {
      const again = await deploy(scene, "--all");
      assert.deepEqual([again.code, [...new Set(Object.values(kinds(again)))]], [0, ["unchanged"]], all(again));
    });

    await t.test("one profile alone, by the name that deploy-rs has for it", async () => {
      await write(scene, versions("d2"), site("2"));
      const before = await at(LINKS.home);
      const deployed = await deploy(scene, "--flake", ".#web1.site");
      assert.deepEqual([deployed.code, kinds(deployed)], [0, { "web1.site": "confirmed" }], all(deployed));
      assert.match(await web1.output("cat /var/lib/site"), /^2\n/);
      assert.deepEqual([await at(LINKS.home), (await web1.triple()).running?.slice(-2)], [before, "d1"]);
    });

    await t.test(
      "a profile that cuts the network goes back by itself; what comes after it is not started",
      async () => {
        await write(scene, versions("d2"), site("3", "ip link set host0 down"));
        const before = await at(LINKS.site);
        const deployed = await deploy(scene, "web1");
        assert.equal(deployed.code, 1, all(deployed));
        assert.deepEqual(kinds(deployed), {
          web1: "confirmed",
          "web1.site": "rolled-back",
          "web1.home": "skipped",
          "web1.shared": "skipped",
        });
        const { "web1.site": outcome } = deployed.outcomes;
        assert.ok(
          outcome?.kind === "rolled-back" && outcome.verified && outcome.why.code === "unconfirmed",
          JSON.stringify(outcome),
        );
        assert.equal(await at(LINKS.site), before);
        assert.equal(await web1.output("cat /var/lib/site"), `2\n${before}`, "the one before was activated again");
        assert.match((await web1.triple()).profile ?? "", /-d2$/, "the system was confirmed before, and stays");
      },
    );

    await t.test("a system that cuts the network goes back as every other system does", async () => {
      const before = await web1.triple();
      await write(scene, { ...versions("d3"), web1: { version: "d3", behaviour: "cuts-network" } }, site("2"));
      const deployed = await deploy(scene, "web1.system");
      assert.deepEqual([deployed.code, kinds(deployed)], [1, { web1: "rolled-back" }], all(deployed));
      assert.deepEqual(await web1.triple(), before);
    });

    await t.test("Prometheus is told of each of them how its last run ended", async () => {
      const { code, stdout, stderr } = await scene.deployer.run(["node", MAIN, "metrics", "web1"], { cwd: FOLDER });
      assert.equal(code, 0, stderr);
      const ended = [...readExposition(stdout)].flatMap(([series, value]) => {
        const [, profile, state, user] =
          /^bungee_last_run_state\{.*,profile="(.*)",state="(.*)",user="(.*)"\}$/.exec(series) ?? [];
        return value === 1 && state !== undefined ? [`${profile} ${user} ${state}`.trim()] : [];
      });
      assert.deepEqual(ended.sort(), [
        "home alice committed",
        "rolled-back",
        "shared root committed",
        "site root rolled-back",
      ]);
    });

    await t.test("a dry activation runs what the profile has for it, and changes nothing", async () => {
      await write(scene, versions("d4"), site("4"));
      const before = await history();
      const previewed = await deploy(scene, "web1", "--action", "dry-activate");
      assert.deepEqual(
        [previewed.code, [...new Set(Object.values(kinds(previewed)))]],
        [0, ["previewed"]],
        all(previewed),
      );
      assert.ok(
        previewed.events.some((event) => event.type === "log" && /^\/nix\/store\/\w+-would-run$/.test(event.line)),
        all(previewed),
      );
      assert.equal(await history(), before);
    });
  });
});
