{
  description = "A fleet of real NixOS hosts for bungee";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      # What all hosts have in common.
      common =
        { lib, modulesPath, ... }:
        {
          imports = [ (modulesPath + "/profiles/minimal.nix") ];

          # bungee reads config.bungee; it checks what stands there, and names what it does not know.
          options.bungee = lib.mkOption {
            type = lib.types.attrsOf lib.types.anything;
            default = { };
          };

          config = {
            system.stateVersion = "25.05";
            nixpkgs.hostPlatform = "x86_64-linux";

            boot.loader.systemd-boot.enable = true;
            boot.loader.efi.canTouchEfiVariables = true;
            fileSystems."/" = {
              device = "/dev/disk/by-label/nixos";
              fsType = "ext4";
            };
            fileSystems."/boot" = {
              device = "/dev/disk/by-label/boot";
              fsType = "vfat";
            };

            services.openssh.enable = true;

            # Who deploys: may log in with a key, become root without a password, and bring store paths that nobody signed.
            users.users.deploy = {
              isNormalUser = true;
              extraGroups = [ "wheel" ];
              openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA… you@workstation" ];
            };
            security.sudo.wheelNeedsPassword = false;
            nix.settings.trusted-users = [ "deploy" ];

            bungee.user = "deploy";
          };
        };

      host = name: module: nixpkgs.lib.nixosSystem {
        modules = [
          common
          { networking.hostName = name; }
          module
        ];
      };

      web = {
        services.nginx.enable = true;
        networking.firewall.allowedTCPPorts = [ 80 ];

        bungee.labels.role = "web";
        bungee.after = [ "db" ];
        bungee.healthChecks.nginx.unit = "nginx.service";
        bungee.healthChecks.http.tcp = 80;
      };
    in
    {
      nixosConfigurations = {
        web1 = host "web1" {
          imports = [ web ];
          bungee.addresses = [ "web1.example.org" ];
        };

        web2 = host "web2" {
          imports = [ web ];
          # The first that answers is taken.
          bungee.addresses = [
            "web2.example.org"
            "192.0.2.2"
          ];
        };

        db = host "db" {
          services.postgresql.enable = true;

          bungee = {
            addresses = [ "db.example.org" ];
            labels.role = "db";
            activation.timeout = 600; # a migration may take its time
            confirmation.timeout = 60;
          };
        };
      };
    };
}
