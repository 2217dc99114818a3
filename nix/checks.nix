# { pkgs, flake, schema ? "auto" } → checks for `nix flake check`: what `bungee deploy` would refuse before it asks any host, and the assertions of
# every node. Nothing is built for it but an empty file. `schema` says whose settings are read, as `--schema` does.
{
  pkgs,
  flake,
  schema ? "auto",
}:
let
  inherit (builtins)
    addErrorContext
    attrNames
    concatLists
    concatMap
    concatStringsSep
    elem
    filter
    head
    isAttrs
    isList
    length
    mapAttrs
    removeAttrs
    toJSON
    ;

  pathOf = import ./attribute-path.nix;
  settings = builtins.fromJSON (builtins.readFile ./schema.json);
  check = at: value: import ./validate.nix { inherit at value; schema = settings; };

  fleet = import ./fleet.nix { inherit flake schema; };
  inherit (fleet) nodes;
  names = attrNames nodes;
  output = flake.bungee or { };
  # What may stand in the flake's output `bungee`; what `ci` says is for `bungee ci` to judge.
  parts = [ "defaults" "nodes" "ci" ];
  part = name: if isAttrs (output.${name} or null) then output.${name} else { };
  defaults = part "defaults";
  overrides = part "nodes";

  ofOutput =
    if !isAttrs output then
      [ "bungee: is not an attribute set" ]
    else
      map (name: "bungee.${name}: no such setting; there are ${concatStringsSep ", " parts}") (
        filter (name: !elem name parts) (attrNames output)
      )
      ++ map (name: "bungee.${name}: is not an attribute set") (
        filter (name: !isAttrs (output.${name} or { })) [ "defaults" "nodes" ]
      )
      ++ map (name: "${pathOf [ "bungee" "nodes" name ]}: no such node in ${fleet.from}") (
        filter (name: !nodes ? ${name}) (attrNames overrides)
      )
      ++ map (name: "bungee.defaults.${name}: cannot be the same for every node; set it for each") (
        filter (name: defaults ? ${name}) [ "addresses" "after" "node" ]
      )
      ++ check "bungee.defaults" defaults;

  # From the strongest: src/fleet/settings.ts
  layersOf = name: [ nodes.${name}.own (overrides.${name} or { }) nodes.${name}.said defaults ];
  firstOf =
    path: fallback: layers:
    let
      dig = set: builtins.foldl' (inside: key: if isAttrs inside then inside.${key} or null else null) set path;
      found = filter (value: value != null) (map dig layers);
    in
    if found == [ ] then fallback else head found;

  unknownAfter =
    at: settings:
    let
      after = if isAttrs settings && isList (settings.after or null) then settings.after else [ ];
    in
    map (other: "${at}.after: ${toJSON other} is not a node of the fleet") (
      filter (other: !(builtins.isString other && nodes ? ${other})) after
    );

  ofNode =
    name:
    let
      at = nodes.${name}.place;
      inherit (nodes.${name}) own assertions;
      outer = pathOf [ "bungee" "nodes" name ];
      layers = layersOf name;
      node = firstOf [ "node" ] name layers;
      nameless = firstOf [ "addresses" ] null layers == null;

      wrong =
        (if overrides ? ${name} then check outer overrides.${name} ++ unknownAfter outer overrides.${name} else [ ])
        ++ check at own
        ++ unknownAfter at own;
    in
    wrong
    ++ (if node == name then [ ] else [ "${at}.node: ${toJSON node} is not the name of this node, ${toJSON name}" ])
    ++ (
      if nameless && check at { addresses = [ name ]; } != [ ] then
        [ "${at}.addresses: must be set, since the node's name cannot be an address" ]
      else
        [ ]
    )
    # Of settings that are wrong, nothing more is to be said.
    ++ (if wrong == [ ] then tooLong name at layers else [ ])
    ++ map (failed: "${pathOf [ fleet.from name ]}: ${failed.message}") (filter (each: !each.assertion) assertions);

  # A unit that has to live longer than the host waits is never confirmed.
  tooLong =
    name: at: layers:
    let
      timeout = firstOf [ "confirmation" "timeout" ] 30 layers;
      checks = builtins.foldl' (below: set: below // set) { } (
        builtins.filter isAttrs (builtins.foldl' (strongestLast: layer: [ (layer.healthChecks or null) ] ++ strongestLast) [ ] layers)
      );
      seconds = each: if isAttrs (each.unit or null) then firstOf [ "for" ] 3 [ each.unit ] else if each.unit or null == null then 0 else 3;
    in
    map (each: "${at}.healthChecks.${each}.unit.for: ${toString (seconds checks.${each})} is not less than confirmation.timeout, ${toString timeout}") (
      filter (each: seconds checks.${each} >= timeout) (attrNames checks)
    );

  # Whoever waits only for nodes that are done is done as well; who is left waits in a circle, or for one.
  waiting =
    left:
    let
      done = filter (name: !builtins.any (other: left ? ${other}) left.${name}) (attrNames left);
    in
    if done == [ ] then attrNames left else waiting (removeAttrs left done);
  circle = waiting (
    builtins.listToAttrs (map (name: { inherit name; value = nodes.${name}.after ++ firstOf [ "after" ] [ ] (layersOf name); }) names)
  );

  ofAll =
    fleet.errors
    ++ ofOutput
    ++ concatMap (name: addErrorContext "while checking the settings of the node ${name}" (ofNode name)) names;
  errors =
    if ofAll == [ ] && circle != [ ] then
      [ "these nodes wait for each other: ${concatStringsSep ", " circle}; take one of them out of \"after\"" ]
    else
      ofAll;
in
{
  bungee-settings =
    if errors == [ ] then
      pkgs.runCommand "bungee-settings" { } "touch $out"
    else
      throw (concatStringsSep "\n  " ([ "${toString (length errors)} of bungee's settings or the nodes' assertions are wrong:" ] ++ errors));
}
