# Stands where a template wants nixpkgs: as much of its flake as templates use, on the stand-in of examples/fleet.
{
  outputs =
    { self }:
    let
      system = "@system@";
      standin = import ./standin { inherit system; };

      # Of the services that templates enable there is only the unit.
      services =
        { config, ... }:
        {
          systemd.services =
            if config.services.nginx.enable or false then
              {
                nginx = {
                  wantedBy = [ "multi-user.target" ];
                  serviceConfig.ExecStart = "/bin/sleep infinity";
                };
              }
            else
              { };
        };
    in
    {
      lib = {
        nixosSystem = { modules }: standin.nixosSystem { modules = [ services ] ++ modules; };
        genAttrs =
          names: make:
          builtins.listToAttrs (
            map (name: {
              inherit name;
              value = make name;
            }) names
          );
      };
      legacyPackages.${system}.runCommand = import ./standin/derive.nix { inherit system; };
    };
}
