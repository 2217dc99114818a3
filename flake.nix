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
      # `services.bungee.deployUser`: a login that can deploy, and nothing else.
      nixosModules.deploy-user.imports = [ ./nix/deploy-user.nix ];
      # `services.bungee.metrics`: what the host runs, would boot and last did, for Prometheus.
      nixosModules.metrics.imports = [ ./nix/metrics.nix ];
      # `services.bungee.cache`: serves the host's store to the fleet. `services.bungee.cacheClient`: fetches from there.
      nixosModules.cache.imports = [ ./nix/cache.nix ];
      nixosModules.cache-client.imports = [ ./nix/cache-client.nix ];

      lib = {
        # { pkgs, flake, schema ? "auto" } → checks for `nix flake check`
        checks = import ./nix/checks.nix;
        # { nixosConfigurations, port ? 9100 } → static_configs for Prometheus
        scrapeTargets = import ./nix/scrape-targets.nix;
        # { nixosConfigurations, enable ?, settings ? } → the output `bungee.nodes`
        mkNodes = import ./nix/mk-nodes.nix;
        # Of the settings: JSON Schema.
        schema = builtins.fromJSON (builtins.readFile ./nix/schema.json);
      };

      # On virtual machines, for who has KVM: test/vm/README.md. Minutes each, so build the one you want.
      checks.x86_64-linux = import ./test/vm {
        pkgs = nixpkgs.legacyPackages.x86_64-linux;
        bungee = self.packages.x86_64-linux.default;
        inherit (self) nixosModules;
      };

      # `nix flake init --template`: docs/getting-started.md, docs/ci.md
      templates = {
        default = self.templates.minimal;
        minimal = {
          path = ./templates/minimal;
          description = "One NixOS host, deployed with bungee";
        };
        fleet = {
          path = ./templates/fleet;
          description = "A fleet of NixOS hosts, deployed with bungee";
        };
        ci = {
          path = ./templates/ci;
          description = "A fleet of NixOS hosts that its repository deploys, with bungee";
        };
      };

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
