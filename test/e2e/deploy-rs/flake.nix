# A fleet as deploy-rs' documentation describes one, with nothing of bungee in it. It is laid over a flake of writeFleet, whose systems it has.
{
  outputs =
    { self }:
    let
      fleet = builtins.fromJSON (builtins.readFile ./fleet.json);
      inherit (builtins.head (builtins.attrValues fleet.nodes)) system;
      deploy-rs.lib.${system}.activate = import ./deploy-rs/activate.nix { inherit system; };
      inherit (deploy-rs.lib.${system}) activate;

      # Something to run besides the system. The test writes what it does.
      site = import ./standin/derive.nix { inherit system; } "site" { program = builtins.readFile ./site.sh; } ''
        mkdir -p "$out/bin"
        printf '%s' "$program" >"$out/bin/site"
        chmod 555 "$out/bin/site"
      '';
    in
    {
      nixosConfigurations = builtins.mapAttrs (import ./system.nix { standin = ./standin; }) fleet.nodes;

      deploy = {
        sshUser = "deploy";
        user = "root";
        activationTimeout = 60;
        confirmTimeout = 10;
        tempPath = "/home/deploy/.deploy-rs";

        nodes.web1 = {
          hostname = "web1";
          sshOpts = [ "-oServerAliveInterval=5" ];
          profilesOrder = [
            "system"
            "site"
          ];
          profiles = {
            system.path = activate.nixos self.nixosConfigurations.web1;
            site.path = activate.custom site "./bin/site";
            home = {
              user = "alice";
              path = activate.custom site "echo home >$HOME/home; echo $PROFILE >>$HOME/home";
            };
            shared = {
              path = activate.noop site;
              profilePath = "/nix/var/nix/profiles/shared-site";
            };
          };
        };

        nodes.web2 = {
          hostname = "web2";
          sshOpts = [
            "-p"
            "2222"
            "-A"
          ];
          remoteBuild = true;
          profiles.system.path = activate.nixos self.nixosConfigurations.web2;
        };
      };
    };
}
