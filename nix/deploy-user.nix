# A user who can deploy to this host, and nothing else: docs/deploy-user.md. Its keys are for a CI job, which needs no other way in.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  cfg = config.services.bungee.deployUser;
  gated = import ./gated-user.nix {
    inherit lib options;
    gate = "bungee-gate";
    at = "services.bungee.deployUser";
    kind = "deploy user";
  };
  rules = [
    {
      users = [ cfg.name ];
      runAs = "root";
      commands = [
        {
          command = "/run/current-system/sw/bin/bungee-activator-restricted";
          options = [ "NOPASSWD" ];
        }
      ];
    }
  ];
in
{
  imports = [ ./module.nix ];

  options.services.bungee.deployUser = gated.options {
    name = "deploy";
    can = "deploy to it";
  };

  config = lib.mkIf cfg.enable {
    assertions = gated.assertions cfg ++ [
      {
        assertion = config.security.sudo.enable || (config.security.sudo-rs.enable or false);
        message = "services.bungee.deployUser: needs sudo (security.sudo or security.sudo-rs)";
      }
    ];
    users = gated.users cfg "Deploys with bungee";
    services.openssh.extraConfig = gated.sshd cfg;
    nix = gated.nix cfg;
    environment.systemPackages = [ (pkgs.callPackage ./activator.nix { }) ];
    security = {
      sudo.extraRules = rules;
    }
    // lib.optionalAttrs (options.security ? sudo-rs) { sudo-rs.extraRules = rules; };
  };
}
