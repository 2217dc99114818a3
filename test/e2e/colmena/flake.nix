# A hive as colmena's documentation describes one, with nothing of bungee in it. It is laid over a flake of writeFleet, whose systems it has.
{
  outputs =
    { self }:
    let
      fleet = builtins.fromJSON (builtins.readFile ./fleet.json);
      systemOf = import ./system.nix { standin = ./standin; };

      # A stand-in for `colmena.lib.makeHive`, which needs nixpkgs: what it makes has the same attributes.
      makeHive =
        { meta, ... }@hive:
        let
          # What colmena's own options are where nobody sets them.
          options = name: {
            targetHost = name;
            targetPort = null;
            targetUser = "root";
            allowLocalDeployment = false;
            buildOnTarget = false;
            tags = [ ];
            keys = { };
            replaceUnknownProfiles = true;
            privilegeEscalationCommand = [
              "sudo"
              "-H"
              "--"
            ];
            sshOptions = [ ];
          };
          nodes = builtins.mapAttrs (
            name: node:
            systemOf name (
              (fleet.nodes.${name} or { })
              // {
                config.deployment = options name // node.deployment;
              }
            )
          ) (removeAttrs hive [ "meta" ]);
          toplevel = builtins.mapAttrs (_: node: node.config.system.build.toplevel) nodes;
          deploymentConfig = builtins.mapAttrs (_: node: node.config.deployment) nodes;
          selected = set: names: removeAttrs set (builtins.filter (name: !builtins.elem name names) (builtins.attrNames set));
        in
        {
          __schema = "v0.5";
          inherit nodes toplevel deploymentConfig;
          deploymentConfigSelected = selected deploymentConfig;
          evalSelected = selected toplevel;
          evalSelectedDrvPaths = names: builtins.mapAttrs (_: system: system.drvPath) (selected toplevel names);
          metaConfig = {
            name = "hive";
            description = "A Colmena Hive";
            machinesFile = null;
            allowApplyAll = true;
          }
          // meta;
          introspect = f: f { inherit nodes; };
        };
    in
    {
      colmenaHive = makeHive {
        meta.allowApplyAll = false;

        web1.deployment = {
          targetUser = "deploy";
          tags = [
            "web"
            "infra-lax"
          ];
        };

        web2.deployment = {
          targetHost = "web2";
          targetUser = "deploy";
          buildOnTarget = true;
          tags = [
            "web"
            "infra-sfo"
          ];
          replaceUnknownProfiles = false;
          keys.site = {
            text = throw "a secret was read";
            destDir = "/run/keys";
          };
        };

        laptop.deployment = {
          targetHost = null;
          allowLocalDeployment = true;
          tags = [ "web" ];
        };
      };
    };
}
