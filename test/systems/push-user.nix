# The host of a binary cache with a push user, as nix/cache-push.nix makes it out of the same files: the keeper, the gate, what sshd is told,
# and a directory of its own for GC roots. What its nix trusts is its own, too.
{
  authorizedKeys,
  name ? "push",
  # Public keys whose signatures nix accepts.
  signers ? [ ],
}:
{ pkgs, ... }:
let
  bin = "/run/current-system/sw/bin";
  gate = "bungee-cache-gate";
  key = import ./bungee/nix/gated-key.nix "${bin}/${gate}";
in
{
  environment.systemPackages = [ (import ./bungee/nix/cache-keeper.nix { inherit (pkgs) runCommand; }) ];

  environment.etc = {
    "ssh/sshd_config.d/push-user.conf" = {
      text = import ./bungee/nix/gated-sshd.nix { inherit name gate; };
      mode = "0444";
    };
    "ssh/authorized_keys.d/${name}" = {
      text = builtins.concatStringsSep "\n" (map key authorizedKeys);
      mode = "0444";
    };
    "nix/nix.conf" = {
      text = ''
        substituters =
        flake-registry = /etc/nix/no-registry.json
        experimental-features = nix-command flakes
        sandbox = false
        build-users-group = nixbld
        trusted-users = root
        trusted-public-keys = ${toString signers}
      '';
      mode = "0444";
    };
  };

  system.activationScripts.push-user = ''
    mkdir -p /var/empty
    id -u ${name} >/dev/null 2>&1 ||
      useradd --system --user-group --no-create-home --home-dir /var/empty --shell ${bin}/${gate} --password '*' ${name}
    install -d -o ${name} -g ${name} -m 755 /nix/var/nix/gcroots/bungee-cache
    if [ -d /run/systemd/system ]; then
      systemctl --no-block try-reload-or-restart ssh.service
      systemctl --no-block try-restart nix-daemon.service
    fi
  '';
}
