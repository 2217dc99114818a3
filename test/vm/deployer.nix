# The machine that bungee runs on. /etc/fleet is its fleet, with the target's systems in the store; the scripts make a copy.
{ bungee, user }:
{
  lib,
  nodes,
  options,
  pkgs,
  ...
}:
let
  keys = import "${pkgs.path}/nixos/tests/ssh-keys.nix" pkgs;
  tools = [
    pkgs.bash
    pkgs.coreutils
    pkgs.gnugrep
    pkgs.gnused
  ];
  # A node is its configuration now, and had one before 2022.
  original = (nodes.target.system or nodes.target.config.system).build.toplevel;
in
{
  virtualisation.memorySize = 2048;

  environment.systemPackages = [ bungee ];
  environment.etc = {
    "fleet/flake.nix".source = ./fleet.nix;
    "fleet/key".source = keys.snakeOilPrivateKey;
    "fleet/fleet.json".text = builtins.toJSON {
      inherit original user;
      system = pkgs.stdenv.hostPlatform.system;
      shell = "${pkgs.bash}/bin/bash";
      path = lib.makeBinPath tools;
      inputs = [ original ] ++ tools;
    };
  };

  # There is no network to ask.
  nix =
    if options.nix ? settings then
      { settings.substituters = lib.mkForce [ ]; }
    else
      { binaryCaches = lib.mkForce [ ]; };
}
