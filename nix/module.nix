# The settings of a host, as options of its own NixOS configuration. They change nothing on the host: bungee reads them from the flake.
# What is not set is null, and comes from the flake's `bungee.defaults` or from bungee itself. src/fleet/schema.ts says the same.
{ lib, ... }:
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
  seconds = types.addCheck (types.either types.int types.float) (number: number > 0) // {
    description = "number of seconds above 0";
  };
in
{
  options.bungee = {
    enable = setting types.bool "Whether the host can be deployed. Default: true.";

    addresses = setting (types.listOf types.str) "Host names, IP addresses or Hosts of ssh_config, tried in this order. Default: the name in nixosConfigurations.";
    user = setting types.str "Who logs in. Default: as ssh_config says.";
    port = setting types.port "Of sshd. Default: as ssh_config says.";
    identityFile = setting types.str "A private key on the deployer, as text: a path would be copied to the store. Default: as ssh_config says.";
    elevation = setting (types.enum [
      "auto"
      "none"
      "sudo"
    ]) "How the user becomes root; auto is sudo for everybody but root. Default: auto.";

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
    substituteOnTarget = setting types.bool "Whether the host fetches from its own substituters what they have. Default: false.";

    activation.timeout = setting timeout "How long activation may take, in seconds. Default: 240.";
    confirmation.timeout = setting timeout "How long the host waits for its confirmation, once activated, in seconds. Default: 30.";
    confirmation.retryEvery = setting seconds "How often the deployer tries to confirm, in seconds. Default: 1.";
    rollback.enable = setting types.bool "Whether a host that is not confirmed goes back. Default: true.";
  };
}
