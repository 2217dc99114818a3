# { nixosConfigurations, port ? 9100 } → static_configs for Prometheus: the nodes whose metrics are enabled, with their labels.
{
  nixosConfigurations,
  port ? 9100,
}:
let
  configOf = name: nixosConfigurations.${name}.config;
  told = builtins.filter (name: (configOf name).services.bungee.metrics.enable or false) (builtins.attrNames nixosConfigurations);
  orElse = fallback: value: if value == null then fallback else value;

  targetOf =
    name:
    let
      settings = (configOf name).bungee or { };
      addresses = orElse [ name ] (settings.addresses or null);
      address = builtins.head addresses;
      bare = builtins.match ".*:.*" address != null && builtins.match "\\[.*" address == null;
      text = value: if builtins.isString value then value else builtins.toJSON value;
      # Prometheus knows fewer characters in a label's name than bungee.
      labels = builtins.listToAttrs (
        map (label: {
          name = builtins.concatStringsSep "_" (builtins.filter builtins.isString (builtins.split "[^A-Za-z0-9_]" label));
          value = text settings.labels.${label};
        }) (builtins.attrNames (orElse { } (settings.labels or null)))
      );
    in
    {
      targets = [ "${if bare then "[${address}]" else address}:${toString port}" ];
      labels = labels // { node = name; };
    };
in
map targetOf told
