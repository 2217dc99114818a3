{
  description = "A fleet of stand-in systems: the one that fleet.json describes, or one system of each behaviour";

  # writeFleet (fleet.ts) makes a copy of this flake with a fleet.json and the stand-in beside it.
  outputs =
    { self }:
    let
      standin = if builtins.pathExists ./standin then ./standin else ../../examples/fleet/standin;
      fleet =
        if builtins.pathExists ./fleet.json then
          builtins.fromJSON (builtins.readFile ./fleet.json)
        else
          { nodes = builtins.mapAttrs (behaviour: _: { inherit behaviour; }) (import ./behaviours.nix); };
    in
    {
      nixosConfigurations = builtins.mapAttrs (import ./system.nix { inherit standin; }) fleet.nodes;
    }
    // (if fleet ? bungee then { inherit (fleet) bungee; } else { });
}
