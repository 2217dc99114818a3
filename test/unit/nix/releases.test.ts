/** Runs the tests with real nix on the releases of the lab, except on that whose nix this machine has: there they run anyway. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { openLab } from "../../lab/lab.ts";
import { releases } from "../../lab/rootfs.ts";
import { sandboxCgroup } from "../../lab/sandbox.ts";
import { checkout } from "../../lab/workstation.ts";

const outside = sandboxCgroup() ? false : "needs the lab: node test/lab/enter.ts -- node --test …";
const version = (text: string) => /\d+\.\d+/.exec(text)?.[0];

describe("with each release's nix", { skip: outside }, () => {
  for (const release of releases) {
    it(release, async (test) => {
      await using lab = await openLab();
      const workstation = await lab.workstation({ release });
      const theirs = version(await workstation.output(["nix", "--version"]));
      const ours = version(spawnSync("nix", ["--version"], { encoding: "utf8" }).stdout ?? "");
      // What stands beside this file has run with that one already.
      if (theirs === ours) return;
      test.diagnostic(`nix ${theirs}`);
      const folders = [import.meta.dirname, join(dirname(import.meta.dirname), "fleet")];
      const files = folders
        .flatMap((folder) => globSync(join(folder, "**", "*.test.ts")))
        .filter((file) => file !== import.meta.filename);
      const result = await workstation.run(["node", "--test", "--test-reporter=tap", ...files], {
        cwd: checkout,
        env: { BUNGEE_TEST_NIX: "1" },
      });
      assert.equal(result.code, 0, result.stdout);
      assert.match(result.stdout, /^# skipped 0$/m);
    });
  }
});
