{
  description = "One NixOS host, deployed with bungee";

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
    in
    {
      # The host's name for bungee, and its address unless bungee.addresses says another.
      nixosConfigurations.web1 = nixpkgs.lib.nixosSystem {
        modules = [
          bungee.nixosModules.default
          ./hardware.nix
          ./web1.nix
        ];
      };

      # `nix flake check` says what a deployment would refuse.
      checks.${system} = bungee.lib.checks {
        pkgs = nixpkgs.legacyPackages.${system};
        flake = self;
      };

      # `nix run .#bungee`: the version that flake.lock holds.
      packages.${system}.bungee = bungee.packages.${system}.default;
    };
}
