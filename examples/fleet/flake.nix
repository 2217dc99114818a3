{
  description = "Three hosts: two web servers and their database";

  outputs =
    { self }:
    let
      # A real fleet takes nixpkgs.lib here; see ../nixos/flake.nix.
      lib = import ./standin { system = "x86_64-linux"; };
    in
    {
      nixosConfigurations = {
        web1 = lib.nixosSystem { modules = [ ./hosts/web1.nix ]; };
        web2 = lib.nixosSystem { modules = [ ./hosts/web2.nix ]; };
        db = lib.nixosSystem { modules = [ ./hosts/db.nix ]; };
      };
    };
}
