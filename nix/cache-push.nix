# A user who can push to this host's binary cache with `bungee push-cache`, and nothing else: docs/nixos-modules.md. Without root and without
# sudo: nix-daemon takes the paths, and the GC roots stand in a directory of the user's own.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  cfg = config.services.bungee.cache.push;
  gated = import ./gated-user.nix {
    inherit lib options;
    gate = "bungee-cache-gate";
    at = "services.bungee.cache.push";
    kind = "push user";
  };
in
{
  options.services.bungee.cache.push = gated.options {
    name = "push";
    can = "push store paths to it and have them kept";
  };

  config = lib.mkIf cfg.enable {
    assertions = gated.assertions cfg;
    users = gated.users cfg "Pushes to the binary cache with bungee";
    services.openssh.extraConfig = gated.sshd cfg;
    nix = gated.nix cfg;
    environment.systemPackages = [ (pkgs.callPackage ./cache-keeper.nix { }) ];
    systemd.tmpfiles.rules = [ "d /nix/var/nix/gcroots/bungee-cache 0755 ${cfg.name} ${cfg.name} -" ];
  };
}
