{
  description = "Deploys NixOS to a fleet over SSH, and snaps every host back that does not answer afterwards";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      forAllSystems =
        make:
        nixpkgs.lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (
          system: make nixpkgs.legacyPackages.${system} self.packages.${system}.default
        );
    in
    {
      packages = forAllSystems (pkgs: _: { default = pkgs.callPackage ./nix/package.nix { }; });

      apps = forAllSystems (
        _: bungee: {
          default = {
            type = "app";
            program = "${bungee}/bin/bungee";
            meta.description = bungee.meta.description;
          };
        }
      );

      # The options `bungee.*` for hosts.
      nixosModules.default.imports = [ ./nix/module.nix ];

      # What `npm run check`, `npm test` and the lab want, but for npm's own packages.
      devShells = forAllSystems (
        pkgs: _: {
          default = pkgs.mkShell {
            packages = with pkgs; [
              git
              iproute2
              mmdebstrap
              nftables
              nix
              nodejs_24
              openssh
              shellcheck
              tini
            ];
          };
        }
      );
    };
}
