# { nixosConfigurations, enable ?, settings ? } → `bungee.nodes` of a flake's outputs, for fleets whose hosts say under options of their own
# where and whether they are deployed. docs/nixos-modules.md
{
  nixosConfigurations,
  # config → whether the host is deployed.
  enable ? config: (config.bungee.enable or null) != false,
  # { name, config } → its settings of bungee.
  settings ? { name, config }: { },
}:
let
  # To leave a host out of the set would leave it to bungee's defaults: it is said of each that is not deployed, and bungee refuses it.
  off =
    name: config:
    if (config.bungee.enable or null) == true then
      throw "${name} says bungee.enable = true, and lib.mkNodes is told that it is not deployed"
    else
      { enable = false; };
in
builtins.mapAttrs (
  name: { config, ... }: if enable config then settings { inherit name config; } else off name config
) nixosConfigurations
