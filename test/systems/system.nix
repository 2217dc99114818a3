# name → what fleet.ts says of a node (`SystemSpec`) → its system.
{ standin }:
name: spec:
let
  lib = import standin (if spec ? system then { inherit (spec) system; } else { });
  behaviour = (import ./behaviours.nix).${spec.behaviour or "ordinary"} (spec.arguments or { });
  version = spec.version or "1";

  common = {
    networking.hostName = spec.hostName or name;
    system.nixos.label = version;
    standin.payloadKiB = spec.payloadKiB or 16;

    systemd.services = {
      # Another unit in each version; what it holds can be asked for.
      app = {
        description = "Holds the version that runs";
        wantedBy = [ "multi-user.target" ];
        preStart = ''
          sleep ${toString (spec.activationSeconds or 0)}
          mkdir -p /run/app
          echo ${version} >/run/app/version
        '';
        postStop = "rm -f /run/app/version";
        serviceConfig = {
          Type = "exec";
          ExecStart = "/bin/sleep infinity";
          TimeoutStartSec = "infinity";
        };
      };
      # The same in each version: no switch may touch it.
      bystander = {
        description = "Same in every version";
        wantedBy = [ "multi-user.target" ];
        serviceConfig.ExecStart = "/bin/sleep infinity";
      };
    };
  }
  // (if spec ? bungee then { inherit (spec) bungee; } else { });

  system = lib.nixosSystem {
    modules = [
      common
      (behaviour.module or { })
      (if spec ? deployUser then import ./deploy-user.nix spec.deployUser else { })
      (if spec ? pushUser then import ./push-user.nix spec.pushUser else { })
      (spec.config or { })
    ];
  };
in
if behaviour ? toplevel then
  system
  // {
    config = system.config // {
      system = system.config.system // {
        build.toplevel = behaviour.toplevel system.config.system.build.toplevel;
      };
    };
  }
else
  system
