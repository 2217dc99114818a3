# names → the path of an attribute as it is written in Nix.
names:
builtins.concatStringsSep "." (
  map (name: if builtins.match "[A-Za-z_][A-Za-z0-9_'-]*" name != null then name else builtins.toJSON name) names
)
