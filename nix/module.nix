# The settings of a host, as options of its own NixOS configuration. bungee reads them from the flake; on the host they change nothing but
# /etc/bungee, which says whose system it is, whether it has to be signed, and how to check its health.
# What is not set is null, and comes from the flake's `bungee.defaults` or from bungee itself. src/fleet/schema.ts says the same.
{ config, lib, ... }:
let
  inherit (lib) types;

  setting =
    type: description:
    lib.mkOption {
      type = types.nullOr type;
      default = null;
      inherit description;
    };

  timeout = types.ints.between 1 86400;
  cfg = config.bungee;
  node = if cfg.node == null then config.networking.hostName else cfg.node;

  seconds = types.addCheck (types.either types.int types.float) (number: number > 0) // {
    description = "number of seconds above 0";
  };
in
{
  options.bungee = {
    enable = setting types.bool "Whether the host can be deployed. Default: true.";

    addresses = setting (types.listOf types.str) "Host names, IP addresses or Hosts of ssh_config, tried in this order. Default: the name in nixosConfigurations.";
    user = setting types.str "Who logs in. Default: as ssh_config says.";
    port = setting (types.ints.between 1 65535) "Of sshd. Default: as ssh_config says.";
    identityFile = setting types.str "A private key on the deployer, as text: a path would be copied to the store. Default: as ssh_config says.";
    ssh = setting (types.enum [
      "auto"
      "ssh2"
      "openssh"
    ]) "What speaks SSH: bungee itself (ssh2), or the ssh of the deployer; auto is ssh2, and openssh where ssh2 cannot. Default: auto.";
    sshOptions = setting (types.attrsOf types.str) "Options of ssh_config that win over it, as in ProxyJump = \"bastion\"; those that run no program, and do not weaken the check of host keys.";
    elevation = setting (types.enum [
      "auto"
      "none"
      "sudo"
      "doas"
      "run0"
    ]) "How the user becomes root; auto is the first of sudo, doas and run0 that works, and nothing for root. Default: auto.";

    labels = setting (types.attrsOf (types.oneOf [
      types.str
      types.int
      types.bool
    ])) "For selectors, as in role=dns.";
    after = setting (types.listOf types.str) "Nodes that have to be done before this one starts.";

    build = setting (types.enum [
      "local"
      "target"
    ]) "Where the system is built: by the deployer's nix, or on the host. Default: local.";
    requireSignature = setting types.bool "Whether the host takes only systems that a key signed which it trusts, whoever deploys. Default: false.";
    node = setting types.str "The node's name in nixosConfigurations, which a host compares before it takes a system. Default: networking.hostName.";
    substituteOnTarget = setting types.bool "Whether the host fetches from its own substituters what they have. Default: false.";

    activation.timeout = setting timeout "How long activation may take, in seconds. Default: 240.";
    activation.allowFailedUnits = setting types.bool "Whether a host is confirmed though units fail that did not fail before. Default: false.";
    confirmation.timeout = setting timeout "How long the host waits for its confirmation, once activated, in seconds. Default: 30.";
    confirmation.retryEvery = setting seconds "How often the deployer tries to confirm, in seconds. Default: 1.";
    healthChecks = setting (import ./health-checks.nix { inherit lib setting seconds; }) "What has to be well before the host is confirmed, by name.";
    rollback.enable = setting types.bool "Whether a host that is not confirmed goes back. Default: true.";
    reboot.allow = setting types.bool "Whether bungee may reboot the host: when asked to, and when nothing else leads back. Default: true.";
    reboot.timeout = setting timeout "How long the host may take to come back from a reboot, in seconds. Default: 600.";
  };

  # What the activator on the host looks at.
  config.environment.etc = {
    "bungee/node" = lib.mkIf (node != "") { text = "${node}\n"; };
    "bungee/require-signature" = lib.mkIf (cfg.requireSignature == true) { text = ""; };
  }
  // lib.mapAttrs' (name: check: lib.nameValuePair "bungee/health-checks/${name}" { text = check.command; }) (
    lib.filterAttrs (_: check: check.command != null) (if cfg.healthChecks == null then { } else cfg.healthChecks)
  );
}
