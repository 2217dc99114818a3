/** Workstations: where the deployer runs, in every pairing with hosts. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Lab, openLab } from "./lab.ts";
import { releases } from "./rootfs.ts";
import { compiled, needsSandbox } from "./sandbox.ts";
import { checkout, type Workstation } from "./workstation.ts";

const nix = { bookworm: /^nix \(Nix\) 2\.8\./, trixie: /^nix \(Nix\) 2\.26\./ };
/** A toplevel that says how it was switched to. */
const toplevel = `derivation {
  name = "nixos-system-factory"; system = "x86_64-linux"; builder = "/bin/sh"; PATH = "/bin";
  args = [ "-euc" ''
    mkdir -p $out/bin
    printf '#!/bin/sh\\necho $0 $1 >/root/switched\\n' >$out/bin/switch-to-configuration
    chmod +x $out/bin/*
    echo $dep >$out/dep
  '' ];
  dep = builtins.toFile "dep" "dep";
}`;

describe("workstation", needsSandbox, () => {
  let lab: Lab;
  before(async () => {
    lab = await openLab();
    await Promise.all(releases.map((release) => lab.host(`${release}-host`, { release }).up()));
  });
  after(() => lab.close());

  for (const release of releases) {
    describe(release, () => {
      let workstation: Workstation;
      before(async () => {
        workstation = await lab.workstation({ release });
      });

      it("has the release's nix, the checkout's node, git, and the checkout, read-only", async () => {
        assert.match(await workstation.output("nix --version"), nix[release]);
        assert.equal(await workstation.output("node --version"), process.version);
        assert.match(await workstation.output("git --version"), /^git version/);
        assert.equal(await workstation.output("cat package.json", { cwd: checkout }), await readText("package.json"));
        assert.match((await workstation.run(["touch", `${checkout}/x`])).stderr, /Read-only file system/);
      });

      it("has a home, a store and an environment of its own", async () => {
        assert.equal(
          await workstation.output("env | cut -d= -f1 | grep -v ^PWD | sort | xargs", { env: { A: "b" } }),
          "A HOME LANG NODE_COMPILE_CACHE PATH USER",
        );
        const another = await lab.workstation({ release });
        await workstation.output("nix store add-path --name mine ~/.ssh/config; touch ~/mine");
        assert.equal(await another.output("ls ~ /nix/store | grep mine || true"), "");
        await another.close();
      });

      it("shares what node compiles with the sandbox, each user apart", async () => {
        const script = ["node", "-p", 'require("module").getCompileCacheDir()'];
        const [root, alice] = [await workstation.output(script), await workstation.output(script, { user: "alice" })];
        for (const folder of [root, alice]) assert.ok(folder.startsWith(`${compiled}/`) && existsSync(folder), folder);
        assert.notEqual(root, alice);
        assert.equal(process.env.NODE_COMPILE_CACHE, compiled);
      });

      it("reaches every host by name, with the right keys, and checks the host key", async () => {
        for (const host of lab.hosts) {
          for (const user of ["root", "deploy", "alice"]) {
            assert.equal(
              await workstation.output(["ssh", `${user}@${host.name}`, "hostname; id -un"]),
              `${host.name}\n${user}`,
            );
          }
        }
        const other = await workstation.run(["ssh", "-o", "HostKeyAlias=trixie-host", "bookworm-host", "true"]);
        assert.match(other.stderr, /Host key verification failed/);
      });

      it("copies by nix to hosts of both releases", async () => {
        const path = await workstation.output("date +%N >~/file; nix store add-path ~/file");
        for (const host of lab.hosts) {
          await workstation.output(["nix", "copy", "--to", `ssh-ng://root@${host.name}`, "--no-check-sigs", path]);
          assert.equal(await host.output(["cat", path]), await workstation.output(["cat", path]));
        }
      });

      it("gives hosts of both releases their factory system", async () => {
        const built = await workstation.output(["nix-build", "--no-out-link", "--expr", toplevel]);
        for (const host of lab.hosts) {
          await host.install(built, workstation);
          assert.equal(
            await host.output("cat /root/switched; rm /root/switched"),
            `${built}/bin/switch-to-configuration switch`,
          );
          assert.equal((await host.triple()).profile, built);
          assert.equal(await host.output(["nix-store", "--verify-path", built]), "");
        }
      });

      it("a process is killed for real: it, not its shadow, and it leaves its children behind", async () => {
        const script = `
          process.on("SIGTERM", () => console.log("term"));
          require("child_process").spawn("sleep", ["4321"]);
          console.log("up");
          setInterval(() => {}, 1000);`;
        const running = workstation.spawn(["node", "-e", script]);
        while (running.stdout === "") await sleep(5);
        const pid = running.pid!;
        await running.kill("SIGTERM");
        while (!running.stdout.includes("term")) await sleep(5);
        assert.equal(await running.kill("SIGKILL"), true);
        const { code, signal, stdout } = await running.result;
        assert.deepEqual([code, signal, stdout], [137, "SIGKILL", "up\nterm\n"]);
        assert.equal(existsSync(`/proc/${pid}`), false);
        assert.equal(await running.kill(), false);
        assert.equal(await workstation.output("ps -C sleep -o args= | grep -c '^sleep 4321'"), "1");
      });

      it("its end is the end of all its processes", async () => {
        const running = workstation.spawn(["sleep", "1000"]);
        while (running.pid === undefined) await sleep(1);
        const pid = running.pid;
        await workstation.close();
        await running.result;
        assert.equal(existsSync(`/proc/${pid}`), false);
      });
    });
  }
});

async function readText(file: string): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  return (await readFile(`${checkout}/${file}`, "utf8")).trimEnd();
}
