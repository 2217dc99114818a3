/** The flake that the deployer of test/vm deploys from, built by the nix that is here out of a stand-in system. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { RealNix, withoutNix } from "./nix/real-nix.ts";

const checkout = join(import.meta.dirname, "..", "..");

it("a system to deploy is one of the target's own under another path, and whole", { skip: withoutNix }, () => {
  using nix = new RealNix();
  const run = (...argv: [string, ...string[]]) =>
    execFileSync(argv[0], argv.slice(1), { encoding: "utf8", cwd: nix.directory }).trim();
  cpSync(join(checkout, "examples/fleet/standin"), nix.path("standin"), { recursive: true });
  nix.write({
    "system.nix": `((import ./standin { }).nixosSystem { modules = [ {
      networking.hostName = "target";
      system.nixos.label = "vm-fleet";
      specialisation.next.configuration.environment.etc.version.text = "2";
    } ]; }).config.system.build.toplevel`,
  });
  const original = run("nix-store", "--realise", run("nix-instantiate", "system.nix"));

  const fleet = { user: "root", system: "x86_64-linux", shell: "/bin/sh", path: "/usr/bin:/bin" };
  nix.write({
    "fleet/flake.nix": readFileSync(join(checkout, "test/vm/fleet.nix"), "utf8"),
    "fleet/fleet.json": JSON.stringify({ ...fleet, original, inputs: [original] }),
    "fleet/variant.json": '"next"',
  });
  const attribute = `path:${nix.path("fleet")}#nixosConfigurations.target.config.system.build.toplevel`;
  const features = ["--extra-experimental-features", "nix-command flakes"];
  const built = JSON.parse(run("nix", "build", ...features, "--no-link", "--json", attribute));
  const copy: string = built[0].outputs.out;

  const next = run("readlink", "-f", join(original, "specialisation", "next"));
  assert.notEqual(copy, next);
  assert.equal(copy.slice(44), next.slice(44));
  assert.equal(readFileSync(join(copy, "etc", "version"), "utf8"), "2");
  const speaksOf = (text: string) => spawnSync("grep", ["-rlF", text, copy], { encoding: "utf8" }).stdout;
  assert.equal(speaksOf(next), "", "of its original");
  assert.match(speaksOf(copy), /\/bin\/switch-to-configuration$/m);
  const needs = (path: string) =>
    run("nix-store", "--query", "--references", path)
      .split("\n")
      .filter((each) => each !== path);
  assert.deepEqual(needs(copy).sort(), needs(next).sort());
});
