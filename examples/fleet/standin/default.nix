# A stand-in for nixpkgs' `lib.nixosSystem`: it takes modules that are written as NixOS modules are, knows the few
# options listed in base.nix, and builds a system that behaves on a host as a NixOS system does, with nothing but /bin/sh.
# There are no option types, no priorities and no nixpkgs: a later module's value wins, attribute sets and lists are merged.
{
  system ? "x86_64-linux",
}:
let
  inherit (builtins)
    all
    concatLists
    elemAt
    isAttrs
    isFunction
    isList
    length
    removeAttrs
    zipAttrsWith
    ;

  pkgs = {
    inherit system;
    stdenv.hostPlatform = { inherit system; };
    runCommand = import ./derive.nix { inherit system; };
  };

  # Values of one option, in the order of their modules → the option's value.
  merge =
    values:
    if length values == 1 then
      elemAt values 0
    else if all isAttrs values then
      zipAttrsWith (_: merge) values
    else if all isList values then
      concatLists values
    else
      elemAt values (length values - 1);

  # A module, or the path of one → the list of it and of all that it imports, as attribute sets.
  load =
    args: module:
    let
      value = if isAttrs module || isFunction module then module else import module;
      body = if isFunction value then value args else value;
    in
    concatLists (map (load args) (body.imports or [ ])) ++ [ (removeAttrs body [ "imports" ]) ];

  evaluate =
    modules:
    let
      args = { inherit config pkgs; };
      config = merge (concatLists (map (load args) ([ ./base.nix ] ++ modules)));
    in
    config;

  build = import ./system.nix { inherit system evaluate; };
in
{
  nixosSystem =
    { modules }:
    let
      config = evaluate modules;
    in
    {
      config = config // {
        system = config.system // {
          build.toplevel = build { inherit config modules; };
        };
      };
      options = { };
      inherit pkgs;
    };
}
