# A host with a deploy user, as nix/deploy-user.nix makes it out of the same files: the commands, what sshd is told, the sudo rule.
# The user's keys are its own, and so are those that nix trusts: the base system's nix.conf trusts nobody new.
{
  authorizedKeys,
  name ? "ci",
  trusted ? false,
  # Public keys whose signatures nix accepts.
  signers ? [ ],
  # What the host's own module would write, when config.bungee.requireSignature is set.
  requireSignature ? false,
  # More lines of nix.conf, and of sudoers and sshd_config before the user's own.
  nixConf ? "",
  sudoConf ? "",
  sshdConf ? "",
  # The name of the node, when it is another than the host's.
  node ? null,
}:
{ pkgs, config, ... }:
let
  bin = "/run/current-system/sw/bin";
  gate = "bungee-gate";
  key = import ./bungee/nix/gated-key.nix "${bin}/${gate}";
in
{
  environment.systemPackages = [ (import ./bungee/nix/activator.nix { inherit (pkgs) runCommand; }) ];

  environment.etc = {
    "bungee/node".text = "${if node == null then config.networking.hostName else node}\n";
    "ssh/sshd_config.d/deploy-user.conf" = {
      text = "${sshdConf}\n" + import ./bungee/nix/gated-sshd.nix { inherit name gate; };
      mode = "0444";
    };
    "ssh/authorized_keys.d/${name}" = {
      text = builtins.concatStringsSep "\n" (map key authorizedKeys);
      mode = "0444";
    };
    "sudoers.d/deploy-user" = {
      text = "${sudoConf}\n${name} ALL=(root) NOPASSWD: ${bin}/bungee-activator-restricted\n";
      mode = "0440";
    };
    "nix/nix.conf" = {
      text = ''
        substituters =
        flake-registry = /etc/nix/no-registry.json
        experimental-features = nix-command flakes
        sandbox = false
        build-users-group = nixbld
        trusted-users = root deploy ${if trusted then name else ""}
        trusted-public-keys = cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY= ${toString signers}
        ${nixConf}
      '';
      mode = "0444";
    };
  }
  // (if requireSignature then { "bungee/require-signature".text = ""; } else { });

  system.activationScripts.deploy-user = ''
    mkdir -p /var/empty
    id -u ${name} >/dev/null 2>&1 ||
      useradd --system --user-group --no-create-home --home-dir /var/empty --shell ${bin}/${gate} --password '*' ${name}
    if [ -d /run/systemd/system ]; then
      systemctl --no-block try-reload-or-restart ssh.service
      systemctl --no-block try-restart nix-daemon.service
    fi
  '';
}
