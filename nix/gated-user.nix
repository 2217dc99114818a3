# A user whose every login ends at a gate, so that a key of theirs is good for what the gate lets through and for nothing else: the deploy user
# (deploy-user.nix) and the push user (cache-push.nix). What guards one of them guards the other.
{
  lib,
  options,
  # The gate's name in /run/current-system/sw/bin.
  gate,
  # Where the options stand, for messages.
  at,
  # "deploy user"
  kind,
}:
let
  inherit (lib) mkOption types;
  place = "/run/current-system/sw/bin/${gate}";
in
{
  # { name: by default, can: what the user can do } → options
  options =
    { name, can }:
    {
      enable = mkOption {
        type = types.bool;
        default = false;
        description = "Whether this host has a user who can ${can}, and nothing else.";
      };
      name = mkOption {
        type = types.strMatching "[a-z_][a-z0-9_-]{0,30}";
        default = name;
        description = "The name of the user, who is made by this module: for nobody else.";
      };
      authorizedKeys = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "ssh-ed25519 AAAA… ci" ];
        description = "Who may log in as the user, as in authorized_keys.";
      };
      trusted = mkOption {
        type = types.bool;
        default = false;
        description = "Whether the user may bring store paths that nobody signed. Nix warns that such a user can become root by nix alone.";
      };
    };

  assertions = cfg: [
    {
      assertion = cfg.name != "root";
      message = "${at}.name: root cannot be a ${kind}";
    }
  ];

  users = cfg: description: {
    users.${cfg.name} = {
      isSystemUser = true;
      inherit description;
      group = cfg.name;
      home = "/var/empty";
      createHome = false;
      # No password fits, and the account is not locked, which sshd without PAM would heed.
      hashedPassword = "*";
      # sshd runs even a forced command by the login shell.
      shell = place;
      openssh.authorizedKeys.keys = map (import ./gated-key.nix place) cfg.authorizedKeys;
    };
    groups.${cfg.name} = { };
  };

  # For sshd_config.
  sshd =
    cfg:
    lib.mkAfter (
      import ./gated-sshd.nix {
        inherit (cfg) name;
        inherit gate;
      }
    );

  nix =
    cfg:
    lib.mkIf cfg.trusted (
      if options.nix ? settings then
        { settings.trusted-users = [ cfg.name ]; }
      else
        { trustedUsers = [ cfg.name ]; }
    );
}
