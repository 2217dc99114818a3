/** nix/deploy-user.nix: what it makes of its options, on a nixpkgs of today and on one that had no `nix.settings`. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { evaluateNix } from "./nix-eval.ts";

const checkout = join(import.meta.dirname, "..", "..");
const GATE = "/run/current-system/sw/bin/bungee-gate";

interface Made {
  readonly users: Record<string, Record<string, unknown> & { openssh: { authorizedKeys: { keys: string[] } } }>;
  readonly sshd: string;
  readonly nix: unknown;
  readonly security: Record<string, { extraRules: unknown[] }>;
  readonly packages: number;
  readonly failed: readonly string[];
}

/** As much of nixpkgs' lib as the module uses: a condition gives its content, or null. */
function make(options: object, nixpkgs: { settings: boolean; sudoRs: boolean; sudo?: string }): Made | null {
  const expression = `
    let
      lib = {
        mkOption = option: option; types = { bool = 0; str = 0; listOf = _: 0; strMatching = _: 0; };
        mkIf = condition: content: if condition then content else null;
        mkAfter = text: "after all else: \${text}"; optionalAttrs = condition: set: if condition then set else { };
      };
      module = import ${join(checkout, "nix/deploy-user.nix")} {
        inherit lib;
        config.services.bungee.deployUser = mapped // builtins.fromJSON ''${JSON.stringify(options)}'';
        config.security = ${nixpkgs.sudo ?? "{ sudo.enable = true; }"};
        options = { nix = ${nixpkgs.settings ? "{ settings = 0; }" : "{ trustedUsers = 0; }"}; security = ${nixpkgs.sudoRs ? "{ sudo-rs = 0; }" : "{ }"}; };
        pkgs.callPackage = file: _: import file { runCommand = name: _: script: "\${name}: \${script}"; };
      };
      mapped = builtins.mapAttrs (_: option: option.default) module.options.services.bungee.deployUser;
      inherit (module) config;
    in
    if config == null then null else {
      users = config.users.users; sshd = config.services.openssh.extraConfig; inherit (config) nix security;
      packages = builtins.length config.environment.systemPackages;
      failed = map (each: each.message) (builtins.filter (each: !each.assertion) config.assertions);
    }`;
  return evaluateNix(expression) as Made | null;
}

const TODAY = { settings: true, sudoRs: true };
const KEY = "ssh-ed25519 AAAA ci";

describe("nix/deploy-user.nix", () => {
  it("makes nothing at all unless it is enabled", () => {
    assert.equal(make({}, TODAY), null);
  });

  it("makes a user whose shell and whose every key is the gate", () => {
    const keys = [KEY, 'from="192.0.2.0/24" ssh-ed25519 BBBB', "sk-ssh-ed25519@openssh.com CCCC"];
    const made = make({ enable: true, authorizedKeys: keys }, TODAY)!;
    const user = made.users.deploy!;
    assert.deepEqual(
      [user.shell, user.home, user.hashedPassword, user.isSystemUser, user.createHome],
      [GATE, "/var/empty", "*", true, false],
    );
    const limits = `restrict,command="${GATE}"`;
    assert.deepEqual(user.openssh.authorizedKeys.keys, [
      `${limits} ${keys[0]}`,
      `${limits},${keys[1]}`,
      `${limits} ${keys[2]}`,
    ]);
    assert.equal(made.packages, 1);
  });

  it("tells sshd the gate for this user alone, and sudo one command without a wildcard", () => {
    const { sshd, security } = make({ enable: true, name: "ci" }, TODAY)!;
    assert.match(
      sshd,
      /^after all else: Match User ci\n {2}ForceCommand \/run\/current-system\/sw\/bin\/bungee-gate\n/,
    );
    assert.match(sshd, /\nMatch all\n$/);
    const command = "/run/current-system/sw/bin/bungee-activator-restricted";
    const rule = { users: ["ci"], runAs: "root", commands: [{ command, options: ["NOPASSWD"] }] };
    assert.deepEqual(security, { sudo: { extraRules: [rule] }, "sudo-rs": { extraRules: [rule] } });
  });

  it("refuses to make root one, and a host without sudo", () => {
    const failed = (options: object, sudo: string) => make({ enable: true, ...options }, { ...TODAY, sudo })!.failed;
    assert.deepEqual(failed({}, "{ sudo.enable = true; }"), []);
    assert.deepEqual(failed({}, "{ sudo.enable = false; sudo-rs.enable = true; }"), []);
    assert.deepEqual(failed({ name: "root" }, "{ sudo.enable = false; }"), [
      "services.bungee.deployUser.name: root cannot be a deploy user",
      "services.bungee.deployUser: needs sudo (security.sudo or security.sudo-rs)",
    ]);
  });

  it("trusts the user only when it is told to, by the option that nixpkgs has", () => {
    assert.equal(make({ enable: true }, TODAY)!.nix, null);
    assert.deepEqual(make({ enable: true, trusted: true }, TODAY)!.nix, { settings: { "trusted-users": ["deploy"] } });
    const old = make({ enable: true, trusted: true }, { settings: false, sudoRs: false })!;
    assert.deepEqual(old.nix, { trustedUsers: ["deploy"] });
    assert.deepEqual(Object.keys(old.security), ["sudo"]);
  });
});
