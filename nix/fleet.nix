# { flake, schema } → the fleet that a deployment would read from the flake, by bungee's settings or by those of another tool: where its nodes
# stand (`from`), what is wrong with what that other tool was told (`errors`), and for each node
#   place       where bungee's own settings of it would stand
#   own         those, from the node's configuration
#   said        what the other tool's settings say, as bungee's, as far as the checks look at it
#   after       nodes that come before it, whatever the settings say
#   assertions  of its NixOS configuration
# src/fleet/sources/ says the same.
{ flake, schema }:
let
  inherit (builtins)
    any
    attrNames
    attrValues
    concatMap
    concatStringsSep
    isAttrs
    mapAttrs
    removeAttrs
    toJSON
    ;

  pathOf = import ./attribute-path.nix;
  schemas = (builtins.fromJSON (builtins.readFile ./sources.json)).colmena;
  check = schema: at: value: import ./validate.nix { inherit schema at value; };

  ofConfiguration = place: config: {
    inherit place;
    own = config.bungee or { };
    said = { };
    after = [ ];
    assertions = config.assertions or [ ];
  };

  sources = {
    bungee = {
      from = "nixosConfigurations";
      isThere = flake ? nixosConfigurations;
      nodes = mapAttrs (name: { config, ... }: ofConfiguration (pathOf [ "nixosConfigurations" name "config" "bungee" ]) config) (
        flake.nixosConfigurations or { }
      );
      errors = [ ];
    };

    deploy-rs = {
      from = "deploy.nodes";
      isThere = isAttrs (flake.deploy or null) && flake.deploy ? nodes;
      inherit (import ./deploy-rs.nix { inherit (flake) deploy; }) nodes errors;
    };

    colmena = {
      from = "colmenaHive";
      isThere = flake ? colmenaHive;
      nodes = mapAttrs ofHive flake.colmenaHive.nodes;
      errors =
        check schemas.meta "colmenaHive.metaConfig" (flake.colmenaHive.metaConfig or { })
        ++ concatMap (
          name: check schemas.deployment (pathOf [ "colmenaHive" "nodes" name "config" "deployment" ]) (deploymentOf flake.colmenaHive.nodes.${name})
        ) (attrNames flake.colmenaHive.nodes);
    };
  };

  # ── colmena ──

  # Its keys may be the secrets themselves: nothing looks at them.
  deploymentOf = { config, ... }: config.deployment or { };

  ofHive =
    name: node:
    let
      deployment = deploymentOf node;
      host = deployment.targetHost or null;
      # Or another one, by an option of ssh.
      addresses = if host != null then [ host ] else if deployment.sshOptions or [ ] == [ ] then null else [ ];
    in
    ofConfiguration (pathOf [ "colmenaHive" "nodes" name "config" "bungee" ]) node.config // { said = { inherit addresses; }; };

  # ── whose settings: src/fleet/sources/choose.ts ──

  says = value: if isAttrs value && !(value ? outPath) then any says (attrValues value) else value != null;
  # What cannot be evaluated says nothing: `value` is false then.
  saysAnything = value: (builtins.tryEval (says value)).value;
  output = flake.bungee or { };
  ownSettings = [ (if isAttrs output then removeAttrs output [ "ci" ] else output) ] ++ map ({ own, ... }: own) (attrValues sources.bungee.nodes);

  found =
    if sources.bungee.isThere && any saysAnything ownSettings then
      "bungee"
    else if sources.deploy-rs.isThere then
      "deploy-rs"
    else if sources.colmena.isThere then
      "colmena"
    else
      "bungee";
  chosen =
    if schema == "auto" then
      sources.${found}
    else
      sources.${schema} or (throw "schema is ${toJSON schema}, and not one of auto, ${concatStringsSep ", " (attrNames sources)}");
in
if schema == "auto" || chosen.isThere then
  { inherit (chosen) from nodes errors; }
else
  {
    inherit (chosen) from;
    nodes = { };
    errors = [ "the flake has no ${chosen.from}" ];
  }
