# { deploy } → { nodes, errors } as fleet.nix wants them, of the flake's output `deploy` for deploy-rs. Each profile is a node of its own. Those
# that profilesOrder names follow each other, and the others follow them. src/fleet/sources/deploy-rs.ts says the same.
{ deploy }:
let
  inherit (builtins)
    any
    attrNames
    attrValues
    concatMap
    elem
    elemAt
    filter
    genList
    isAttrs
    isList
    length
    listToAttrs
    removeAttrs
    toJSON
    ;

  pathOf = import ./attribute-path.nix;
  schemas = (builtins.fromJSON (builtins.readFile ./sources.json)).deploy-rs;
  check = schema: at: value: import ./validate.nix { inherit schema at value; };

  # null counts as left out.
  settingOf = name: set: if isAttrs set then set.${name} or null else null;
  firstOf =
    name: sets:
    let
      found = filter (value: value != null) (map (settingOf name) sets);
    in
    if found == [ ] then null else builtins.head found;

  common = removeAttrs deploy [ "nodes" ];
  nodeOf = host: profile: if profile == "system" then host else "${host}.${profile}";

  profilesOf =
    host: node:
    let
      profiles = if isAttrs (settingOf "profiles" node) then node.profiles else { };
      order = let named = settingOf "profilesOrder" node; in if isList named then named else [ ];
      # Each once, where it is named first.
      ordered = builtins.foldl' (found: name: if elem name found || !(profiles ? ${name}) then found else found ++ [ name ]) [ ] (
        filter builtins.isString order
      );
      edges = listToAttrs (genList (index: { name = elemAt ordered (index + 1); value = [ (nodeOf host (elemAt ordered index)) ]; }) (length ordered - 1));
      last = if ordered == [ ] then [ ] else [ (nodeOf host (elemAt ordered (length ordered - 1))) ];
    in
    map (
      name:
      let
        timeout = firstOf "confirmTimeout" [ profiles.${name} node common ];
      in
      {
        name = nodeOf host name;
        value = {
          place = pathOf [ "deploy" "nodes" host "profiles" name ];
          own = { };
          said = {
            addresses = [ (settingOf "hostname" node) ];
            confirmation = { inherit timeout; };
          };
          after = if elem name ordered then edges.${name} or [ ] else last;
          assertions = [ ];
        };
      }
    ) (attrNames profiles);

  errorsOfHost =
    host: node:
    let
      at = pathOf [ "deploy" "nodes" host ];
      profiles = settingOf "profiles" node;
      order = settingOf "profilesOrder" node;
      named = if isList order then filter builtins.isString order else [ ];
    in
    check schemas.node at (if isAttrs node then removeAttrs node [ "profiles" ] else node)
    ++ (if isAttrs node && settingOf "hostname" node == null then [ "${at}.hostname: must be set" ] else [ ])
    ++ (
      if !isAttrs node then
        [ ]
      else if !isAttrs profiles then
        [ "${at}.profiles: ${if profiles == null then "must be set" else "${toJSON profiles} is not an attribute set"}" ]
      else
        map (name: "${at}.profilesOrder: ${toJSON name} is not a profile of this node") (filter (name: !(profiles ? ${name})) named)
        ++ concatMap (name: errorsOfProfile "${at}.${pathOf [ "profiles" name ]}" name profiles.${name} node) (attrNames profiles)
    );

  errorsOfProfile =
    at: name: profile: node:
    check schemas.profile at (if isAttrs profile then removeAttrs profile [ "path" ] else profile)
    ++ (
      if builtins.match "[A-Za-z0-9_][A-Za-z0-9._-]*" name != null then
        [ ]
      else
        [ "${at}: is not the name of a profile: letters, digits, and any of . _ -, at most 64" ]
    )
    ++ (if isAttrs profile && !(profile ? path) then [ "${at}.path: must be set" ] else [ ])
    ++ (
      if any (name: firstOf name [ profile node common ] != null) [ "user" "sshUser" ] then
        [ ]
      else
        [ "${at}.user: must be set, or sshUser: nobody says whose profile it is" ]
    );

  # The host "web1.blog" and the profile blog of web1.
  all = concatMap (host: profilesOf host deploy.nodes.${host}) hosts;
  twice = concatMap (
    same: map (each: "${each.value.place}: another profile is called ${toJSON each.name} as well") (builtins.tail same)
  ) (attrValues (builtins.groupBy (each: each.name) all));

  hosts = attrNames deploy.nodes;
in
{
  nodes = listToAttrs all;
  errors =
    check schemas.deploy "deploy" common
    ++ concatMap (host: errorsOfHost host deploy.nodes.${host}) hosts
    ++ twice;
}
