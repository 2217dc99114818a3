/** nix/cache-push.nix: what it makes of its options, on a nixpkgs of today and on one that had no `nix.settings`. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { CACHE_KEEPER } from "../../src/activator/script.ts";
import { evaluateNix } from "./nix-eval.ts";

const checkout = join(import.meta.dirname, "..", "..");
const GATE = "/run/current-system/sw/bin/bungee-cache-gate";

interface Made {
  readonly users: Record<string, Record<string, unknown> & { openssh: { authorizedKeys: { keys: string[] } } }>;
  readonly sshd: string;
  readonly nix: unknown;
  readonly rules: readonly string[];
  readonly security: boolean;
  readonly script: string;
}

function make(options: object, settings = true): Made | null {
  return evaluate(
    options,
    settings,
    `if config == null then null else {
      users = config.users.users; sshd = config.services.openssh.extraConfig; inherit (config) nix;
      rules = config.systemd.tmpfiles.rules; security = config ? security;
      script = builtins.head config.environment.systemPackages;
    }`,
  ) as Made | null;
}

const defaults = () => evaluate({}, true, "mapped") as Readonly<Record<string, unknown>>;

/** As much of nixpkgs' lib as the module uses: a condition gives its content, or null. */
function evaluate(options: object, settings: boolean, what: string): unknown {
  const expression = `
    let
      lib = {
        mkOption = option: option; types = { bool = 0; str = 0; listOf = _: 0; strMatching = _: 0; };
        mkIf = condition: content: if condition then content else null; mkAfter = text: text;
      };
      module = import ${join(checkout, "nix/cache-push.nix")} {
        inherit lib;
        config.services.bungee.cache.push = mapped // builtins.fromJSON ''${JSON.stringify(options)}'';
        options.nix = ${settings ? "{ settings = 0; }" : "{ trustedUsers = 0; }"};
        pkgs.callPackage = file: _: import file { runCommand = name: _: script: script; };
      };
      mapped = builtins.mapAttrs (_: option: option.default) module.options.services.bungee.cache.push;
      inherit (module) config;
    in
    ${what}`;
  return evaluateNix(expression);
}

const KEY = "ssh-ed25519 AAAA ci";

describe("nix/cache-push.nix", () => {
  it("makes nothing at all unless it is enabled", () => assert.equal(make({}), null));

  it("makes a user whose shell and whose every key is the gate, and who may become nobody else", () => {
    const made = make({ enable: true, name: "ci", authorizedKeys: [KEY, 'from="192.0.2.0/24" ssh-ed25519 BBBB'] })!;
    const user = made.users.ci!;
    assert.deepEqual([user.shell, user.home, user.hashedPassword, user.isSystemUser], [GATE, "/var/empty", "*", true]);
    const limits = `restrict,command="${GATE}"`;
    assert.deepEqual(user.openssh.authorizedKeys.keys, [
      `${limits} ${KEY}`,
      `${limits},from="192.0.2.0/24" ssh-ed25519 BBBB`,
    ]);
    assert.match(made.sshd, /^Match User ci\n {2}ForceCommand \/run\/current-system\/sw\/bin\/bungee-cache-gate\n/);
    assert.match(made.sshd, /\nMatch all\n$/);
    assert.equal(made.security, false, "no rule for sudo");
    assert.deepEqual(made.rules, ["d /nix/var/nix/gcroots/bungee-cache 0755 ci ci -"]);
    assert.ok(CACHE_KEEPER.includes("\nCACHE_ROOTS=/nix/var/nix/gcroots/bungee-cache\n"));
  });

  it("installs the very script that bungee sends, and the gate", () => {
    const { script } = make({ enable: true })!;
    const [, parts = "", out] = /cat (.*) \\\n *>(\S+)$/m.exec(script) ?? [];
    assert.equal(out, "$out/bin/bungee-cache-keeper");
    assert.equal(
      parts
        .split(" ")
        .map((file) => readFileSync(file, "utf8"))
        .join(""),
      CACHE_KEEPER,
    );
    assert.match(script, /cp \S+gate\.sh \$out\/bin\/bungee-cache-gate$/m);
  });

  it("trusts the user only when it is told to, by the option that nixpkgs has", () => {
    assert.equal(make({ enable: true })!.nix, null);
    assert.deepEqual(make({ enable: true, trusted: true })!.nix, { settings: { "trusted-users": ["push"] } });
    assert.deepEqual(make({ enable: true, trusted: true }, false)!.nix, { trustedUsers: ["push"] });
  });

  it("has every option in cache.md, with its default", () => {
    const text = readFileSync(join(checkout, "docs/cache.md"), "utf8");
    const options = Object.entries(defaults());
    assert.equal(options.length, 4);
    for (const [option, fallback] of options) {
      const written = JSON.stringify(fallback).replace("[]", "[ ]");
      assert.ok(text.includes(`\n| \`${option}\` | \`${written}\` |`), option);
    }
  });
});
