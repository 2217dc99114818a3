# Laid over a flake of writeFleet: profiles.json beside it says what there is to deploy besides the systems, name → profile.
{
  outputs =
    { self }:
    let
      fleet = builtins.fromJSON (builtins.readFile ./fleet.json);
      inherit (builtins.head (builtins.attrValues fleet.nodes)) system;
      derive = import ./standin/derive.nix { inherit system; };
      systems = builtins.mapAttrs (import ./system.nix { standin = ./standin; }) fleet.nodes;
      toplevel = name: systems.${name}.config.system.build.toplevel;

      # A folder of links to all that the base has, with a program beside them.
      wrap =
        name: base: program:
        derive "activatable-${name}" { inherit base program; } ''
          mkdir "$out"
          [ -z "$base" ] || ln -s "$base"/* "$out"
          printf '%s\n' "$program" >"$out/deploy-rs-activate"
          chmod +x "$out/deploy-rs-activate"
        '';

      profile =
        name: spec:
        if spec ? wraps then
          wrap name (toplevel spec.wraps) "#!/bin/sh\ncd /tmp; exec $PROFILE/bin/switch-to-configuration switch"
        else
          wrap name "" "#!/bin/sh\n# ${name} ${spec.version}\n${spec.program or ""}";
    in
    {
      nixosConfigurations = systems;
      profiles = builtins.mapAttrs profile (builtins.fromJSON (builtins.readFile ./profiles.json));
    };
}
