# What a host has for a user whose every login ends at a gate, made as nix/gated-user.nix makes it and out of the same files: what sshd is told,
# keys of the user's own, an account, and what nix trusts. deploy-user.nix and push-user.nix say who that is.
{
  # "deploy-user": its files and its activation are called so.
  kind,
  name,
  gate,
  authorizedKeys,
  # Whom nix trusts besides root, and whose signatures.
  trustedUsers ? [ ],
  signers,
  # More lines of nix.conf; of sshd_config before the user's own; of the activation once the user is there.
  nixConf ? "",
  sshdConf ? "",
  activation ? "",
}:
let
  place = "/run/current-system/sw/bin/${gate}";
in
{
  etc = {
    "ssh/sshd_config.d/${kind}.conf" = {
      text = "${sshdConf}\n" + import ./bungee/nix/gated-sshd.nix { inherit name gate; };
      mode = "0444";
    };
    "ssh/authorized_keys.d/${name}" = {
      text = builtins.concatStringsSep "\n" (map (import ./bungee/nix/gated-key.nix place) authorizedKeys);
      mode = "0444";
    };
    "nix/nix.conf" = {
      text = ''
        substituters =
        flake-registry = /etc/nix/no-registry.json
        experimental-features = nix-command flakes
        sandbox = false
        build-users-group = nixbld
        trusted-users = root ${toString trustedUsers}
        trusted-public-keys = ${toString signers}
        ${nixConf}
      '';
      mode = "0444";
    };
  };

  activationScripts.${kind} = ''
    mkdir -p /var/empty
    id -u ${name} >/dev/null 2>&1 ||
      useradd --system --user-group --no-create-home --home-dir /var/empty --shell ${place} --password '*' ${name}
    ${activation}
    if [ -d /run/systemd/system ]; then
      systemctl --no-block try-reload-or-restart ssh.service
      systemctl --no-block try-restart nix-daemon.service
    fi
  '';
}
