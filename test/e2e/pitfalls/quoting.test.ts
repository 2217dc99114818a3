/** Hostile values in every field that a configuration, the deployer's machine or the command line has; really deployed. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { writeFleet } from "../../systems/fleet.ts";
import { finish, Scene, skip } from "../scene.ts";

/** Each way in which a shell, a Nix string or an option parser could be made to do something. `/canary` must never come to be. */
const HOSTILE = `it's "a" \`touch /canary\` $(touch /canary); touch /canary & \\\${builtins.abort "no"} %h --help`;
/** The same for fields that hold no spaces. */
const DENSE = `'"\`touch$IFS/canary\`$(touch$IFS/canary);touch$IFS/canary&\\`;

describe("P17: no value can run a command", { skip }, () => {
  test("hostile names, labels, files, folders and people: deployed as they stand", async () => {
    await using scene = await Scene.open({ hosts: ["web1", "web2"] });
    const { deployer } = scene;
    const folder = `/root/${HOSTILE.replaceAll("/", "_")}`;
    const key = `/root/.ssh/${HOSTILE.replaceAll("/", "_")}`;
    await deployer.output(["cp", "/root/.ssh/deploy", key]);
    // Who deploys, and from where, is written into the host's lock and history.
    await deployer.output(["sed", "-i", `1i$(touch /canary)'\\";:x:0:0:root:/root:/bin/sh`, "/etc/passwd"]);
    await deployer.output("cat >/proc/sys/kernel/hostname", { stdin: "$(touch /canary)`touch /canary`'\";&" });
    const settings = {
      activation: { timeout: 60 },
      confirmation: { timeout: 8 },
      labels: { role: DENSE, "a/b.c_d-e": DENSE },
    };
    await writeFleet(deployer.path(folder), {
      nodes: {
        [`${HOSTILE} 1`]: {
          hostName: "web1",
          version: "2",
          bungee: { ...settings, addresses: ["web1"], user: "deploy", identityFile: key },
        },
        [`${HOSTILE} 2`]: {
          hostName: "web2",
          version: "2",
          bungee: { ...settings, addresses: ["web2"], user: "root", after: [`${HOSTILE} 1`], build: "target" },
        },
      },
    });
    const bungee = (...words: string[]) => deployer.spawn(["bungee", ...words], { cwd: folder });
    const deployment = await finish(bungee("deploy", `role=${DENSE}`, "--report", "json"));
    assert.equal(deployment.code, 0, deployment.stderr + deployment.stdout);
    assert.deepEqual(
      Object.entries(deployment.outcomes).map(([name, { kind }]) => [name, kind]),
      [1, 2].map((number) => [`${HOSTILE} ${number}`, "confirmed"]),
    );
    const history = JSON.parse(await scene.host("web1").output("cat /var/lib/bungee/history")) as { actor: string };
    assert.equal(history.actor, `$(touch /canary)'";@$(touch /canary)\`touch /canary\`'";&`);
    for (const words of [["nodes"], ["plan", `${HOSTILE} 1`], ["deploy", `${HOSTILE} 1`, "--report", "lines"]]) {
      const { code, stderr } = await finishPlain(bungee(...words));
      assert.equal(code, 0, stderr);
    }
    // nix takes no such path as it stands, and says so.
    assert.ok([0, 2].includes((await finishPlain(bungee("nodes", "--flake", folder))).code));
    await noCanary(scene);
  });

  test("values that no host name, user or key file can have are refused by name, with nothing started", async () => {
    await using scene = await Scene.open({ hosts: ["web1"] });
    const before = await scene.host("web1").triple();
    for (const [field, value] of [
      ["addresses", ["web1;touch /canary"]],
      ["addresses", ["-oProxyCommand=touch /canary"]],
      ["addresses", ["$(touch$IFS/canary)"]],
      ["addresses", ["web1\ntouch /canary"]],
      ["user", "root;touch /canary"],
      ["user", "-oProxyCommand=touch$IFS/canary"],
      ["user", "$(touch$IFS/canary)"],
      ["identityFile", "key\nProxyCommand touch /canary"],
      ["identityFile", "-oProxyCommand=touch /canary"],
      ["port", "22;touch /canary"],
      ["build", "local;touch /canary"],
      ["elevation", "sudo;touch /canary"],
      ["labels", { "$(touch /canary)": "x" }],
      ["after", ["$(touch /canary)"]],
    ] as const) {
      await scene.write({ web1: { version: "2", bungee: { [field]: value } } });
      const { code, stderr, stdout } = await finishPlain(scene.start("deploy", "web1"));
      assert.equal(code, 2, `${field}: ${stdout}`);
      assert.match(stderr, new RegExp(`web1.config.bungee.${field}`), stderr);
    }
    for (const words of [
      ["deploy", "$(touch /canary)"],
      ["deploy", "web1", "--flake", "; touch /canary"],
      ["deploy", "web1", "--flake", "-h; touch /canary"],
      ["deploy", "web1", "--flake", "git+ssh://-oProxyCommand=touch$IFS/canary/x"],
      ["deploy", "web1", "--flake", ".#$(touch /canary)"],
    ]) {
      const { code } = await finishPlain(scene.start(...words));
      assert.equal(code, 2, words.join(" "));
    }
    assert.deepEqual(await scene.host("web1").triple(), before);
    await noCanary(scene);
  });
});

async function finishPlain(running: ReturnType<Scene["start"]>) {
  running.child.stdin?.end();
  return await running.result;
}

async function noCanary(scene: Scene): Promise<void> {
  for (const machine of [scene.deployer, ...scene.hosts.values()]) {
    assert.equal(await machine.output("find / -xdev -name canary -not -path '/proc/*' 2>/dev/null || :"), "");
  }
}
