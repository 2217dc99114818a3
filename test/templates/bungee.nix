# Stands where a template wants bungee's flake: the same outputs, without options that would need nixpkgs' lib. Deploy user and push user are
# made out of the files that the modules take (test/systems), the checks are the real ones, and the program is this checkout's.
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      system = "@system@";
    in
    {
      nixosModules = {
        default = { };
        metrics = { };
        cache-client = { };
        cache =
          args@{ config, ... }:
          let
            push = config.services.bungee.cache.push or { };
            made = import ./push-user.nix { inherit (push) authorizedKeys; } args;
            when = value: none: if push.enable or false then value else none;
          in
          {
            environment.systemPackages = when made.environment.systemPackages [ ];
            # The deploy user's nix.conf holds, and that brings its own restart of the daemon: two at once are one too many.
            environment.etc = when (removeAttrs made.environment.etc [ "nix/nix.conf" ]) { };
            system.activationScripts = when {
              push-user =
                builtins.replaceStrings [ "systemctl --no-block try-restart nix-daemon.service" ] [ ":" ]
                  made.system.activationScripts.push-user;
            } { };
          };
        deploy-user =
          args@{ config, ... }:
          let
            user = config.services.bungee.deployUser;
          in
          import ./deploy-user.nix {
            inherit (user) authorizedKeys;
            name = user.name or "deploy";
            trusted = user.trusted or false;
            signers = config.nix.settings.trusted-public-keys or [ ];
            requireSignature = config.bungee.requireSignature or false;
          } args;
      };

      lib.checks = import ./bungee/nix/checks.nix;

      packages.${system}.default = nixpkgs.legacyPackages.${system}.runCommand "bungee" { } ''
        mkdir -p $out/bin
        printf '#!/bin/sh\nexec node @main@ "$@"\n' >$out/bin/bungee
        chmod 755 $out/bin/bungee
      '';
    };
}
