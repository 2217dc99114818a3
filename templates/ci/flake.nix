{
  description = "A fleet of NixOS hosts that its repository deploys, with bungee";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    bungee.url = "github:OWNER/bungee"; # where you have bungee from
    bungee.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    {
      self,
      nixpkgs,
      bungee,
    }:
    let
      system = "x86_64-linux";

      # A host is a file in hosts/, named as the host is.
      host =
        name:
        nixpkgs.lib.nixosSystem {
          modules = [
            bungee.nixosModules.default
            bungee.nixosModules.deploy-user
            bungee.nixosModules.metrics
            bungee.nixosModules.cache
            bungee.nixosModules.cache-client
            { networking.hostName = name; }
            ./modules/base.nix
            ./modules/deploy.nix
            (./hosts + "/${name}.nix")
          ];
        };
    in
    {
      nixosConfigurations = nixpkgs.lib.genAttrs [
        "cache"
        "web1"
        "web2"
      ] host;

      # Which branch means what. These are the defaults: docs/ci.md of bungee.
      bungee.ci = {
        main = "main";
        testPrefix = "test-";
      };

      # `nix flake check` says what a deployment would refuse.
      checks.${system} = bungee.lib.checks {
        pkgs = nixpkgs.legacyPackages.${system};
        flake = self;
      };

      # `nix run .#bungee`, here and in CI: the version that flake.lock holds.
      packages.${system}.bungee = bungee.packages.${system}.default;
    };
}
