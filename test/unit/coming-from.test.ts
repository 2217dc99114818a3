/** Who comes from another tool finds each of its commands, flags and settings: lists as that tool's own help and manual have them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { deployVerb } from "../../src/commands/deploy.ts";
import { migrateVerb } from "../../src/commands/migrate.ts";
import { nodesVerb } from "../../src/commands/nodes.ts";
import { planVerb } from "../../src/commands/plan.ts";
import { COLMENA } from "../../src/fleet/sources/colmena.ts";
import { DEPLOY_RS } from "../../src/fleet/sources/deploy-rs-schema.ts";

const words = (text: string) => text.trim().split(/\s+/);

/** By page. What every program has (`--help`, `--version`) stands nowhere. */
const TOLD: Readonly<Record<string, readonly string[]>> = {
  // `deploy --help` of December 2025, interface.json and data.rs.
  "deploy-rs": words(`
    deploy --targets --file --checksigs --interactive --debug-logs --log-dir --keep-result --result-path --skip-checks
    --remote-build --ssh-user --profile-user --ssh-opts --fast-connection --auto-rollback --hostname --magic-rollback
    --confirm-timeout --activation-timeout --temp-path --dry-activate --boot --rollback-succeeded --sudo --interactive-sudo
    ${Object.keys({ ...DEPLOY_RS.node.shape, ...DEPLOY_RS.profile.shape }).join(" ")} path
    activate.nixos activate.custom activate.home-manager activate.noop activate.darwin`),
  // `colmena help` and its subcommands' of August 2025, and its options.nix.
  colmena: words(`
    apply apply-local build eval upload-keys exec repl nix-info
    switch test boot dry-activate push keys
    --config --show-trace --impure --nix-option --color --on --eval-node-limit --parallel --keep-result --verbose --no-keys --reboot
    --no-substitute --no-gzip --build-on-target --no-build-on-target --force-replace-unknown-profiles --evaluator --node --sudo
    --instantiate SSH_CONFIG_FILE
    ${Object.keys({ ...COLMENA.deployment.shape, ...COLMENA.meta.shape }).join(" ")}
    nixpkgs nodeNixpkgs specialArgs nodeSpecialArgs`),
  // nixos-rebuild(8) of NixOS 25.11, and what that of 2020 had besides.
  "nixos-rebuild": words(`
    switch boot test build edit repl dry-build dry-run dry-activate build-image build-vm build-vm-with-bootloader list-generations
    --file --attr --flake --no-flake --install-bootloader --profile-name --specialisation --rollback --upgrade --upgrade-all --json
    --ask-sudo-password --sudo --no-reexec --build-host --target-host --no-build-nix --image-variant --use-substitutes
    --use-remote-sudo --fast --no-ssh-tty
    --verbose --quiet --debug --max-jobs --cores --log-format --keep-going --keep-failed --fallback --repair --option --builders --include
    --print-build-logs --show-trace --accept-flake-config --refresh --impure --offline --no-net --recreate-lock-file
    --no-update-lock-file --no-write-lock-file --no-registries --commit-lock-file --update-input --override-input --no-build-output
    NIX_SSHOPTS`),
};

const codes = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
const flagsOf = Object.fromEntries(
  [deployVerb, planVerb, nodesVerb, migrateVerb].map(({ name, flags }) => [name, flags]),
);

describe("coming from", () => {
  for (const [tool, told] of Object.entries(TOLD)) {
    const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", `coming-from-${tool}.md`), "utf8");
    const rows = page.split("\n").filter((line) => line.startsWith("| "));

    it(`${tool}: each of its words has a row`, () => {
      const theirs = rows.flatMap((row) => codes(row.split(" | ")[0]!));
      const named = new Set(theirs.flatMap((code) => code.split(/[\s,|]+/)));
      assert.deepEqual(
        told.filter((word) => !named.has(word)),
        [],
      );
    });

    it(`${tool}: what is said instead is there`, () => {
      const ours = rows.flatMap((row) => codes(row.split(" | ").slice(1).join(" | ")));
      const commands = ours.filter((code) => /^(--|bungee )/.test(code));
      assert.ok(commands.length > 5);
      for (const command of commands) {
        const [, verb = "deploy"] = /^bungee (\S+)/.exec(command) ?? [];
        for (const [, flag = ""] of command.matchAll(/--([a-z-]+)/g)) assert.ok(flag in flagsOf[verb]!, command);
      }
    });
  }
});
