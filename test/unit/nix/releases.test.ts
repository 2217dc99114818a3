/** Runs the tests with real nix, those of Nix code among them, on the releases of the lab, except on that whose nix this machine has: there they run anyway. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { openLab } from "../../lab/lab.ts";
import { releases } from "../../lab/rootfs.ts";
import { sandboxCgroup } from "../../lab/sandbox.ts";
import { checkout } from "../../lab/workstation.ts";

const outside = sandboxCgroup() ? false : "needs the lab: node test/lab/enter.ts -- node --test …";
const version = (text: string) => /\d+\.\d+/.exec(text)?.[0];

/** Of test/unit. */
const FILES = [
  "nix/**/*.test.ts",
  "fleet/**/*.test.ts",
  "nix-{cache,cache-push,checks,deploy-user,fleet,module}.test.ts",
];

describe("with each release's nix", { skip: outside }, () => {
  for (const release of releases) {
    it(release, async (test) => {
      await using lab = await openLab();
      const workstation = await lab.workstation({ release });
      const theirs = version(await workstation.output(["nix", "--version"]));
      const ours = version(spawnSync("nix", ["--version"], { encoding: "utf8" }).stdout ?? "");
      // With that one they have run already.
      if (theirs === ours) return;
      test.diagnostic(`nix ${theirs}`);
      const files = FILES.flatMap((pattern) => globSync(join(dirname(import.meta.dirname), pattern))).filter(
        (file) => file !== import.meta.filename && /real-nix|useFlakes|nix-eval/.test(readFileSync(file, "utf8")),
      );
      assert.ok(files.length > 10, `${files.length} files with real nix`);
      const result = await workstation.run(["node", "--test", "--test-reporter=tap", ...files], {
        cwd: checkout,
        env: { BUNGEE_TEST_NIX: "1" },
      });
      assert.equal(result.code, 0, result.stdout);
      assert.match(result.stdout, /^# skipped 0$/m);
    });
  }
});
