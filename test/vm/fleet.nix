# The flake.nix of the deployer's fleet. Nothing can be fetched there, and a nixpkgs to evaluate would be slow: so a system to deploy is a copy
# of one of the target's own specialisations, which were built with the test, under a new store path. variant.json says which one.
{
  outputs =
    { self }:
    let
      read = file: builtins.fromJSON (builtins.readFile file);
      fleet = read ./fleet.json;

      # JSON is text: nix has to be told of the store paths that stand in it.
      known =
        text:
        builtins.appendContext text (
          builtins.listToAttrs (
            map (name: {
              inherit name;
              value.path = true;
            }) fleet.inputs
          )
        );
    in
    {
      nixosConfigurations.target.config = {
        networking.hostName = "target";
        bungee = {
          inherit (fleet) user;
          activation.timeout = 120;
          confirmation.timeout = 20;
        };

        system.build.toplevel = derivation {
          # What follows the hash: the copy's name is as long as the original's.
          name = builtins.unsafeDiscardStringContext (builtins.substring 44 (-1) fleet.original);
          inherit (fleet) system;
          original = known "${fleet.original}/specialisation/${read ./variant.json}";
          PATH = known fleet.path;
          LC_ALL = "C";
          builder = known fleet.shell;
          args = [
            "-euc"
            ''
              original=$(readlink -f "$original")
              [ ''${#original} -eq ''${#out} ]
              cp -RP "$original" "$out"
              chmod -R u+w "$out"
              # A system's scripts say where it stands.
              grep -rlF "$original" "$out" | while IFS= read -r file; do
                sed -i "s|$original|$out|g" "$file"
              done
            ''
          ];
        };
      };
    };
}
