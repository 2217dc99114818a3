# A service as a NixOS module describes it → the file of its unit.
{ file }:
let
  inherit (builtins)
    attrNames
    concatStringsSep
    isList
    map
    toString
    ;
  yes = value: if value then "true" else "false";

  # A list gives a line for each of its values, as systemd wants it.
  assignments =
    attrs:
    concatStringsSep "" (
      map (
        key:
        let
          value = attrs.${key};
        in
        concatStringsSep "" (map (each: "${key}=${toString each}\n") (if isList value then value else [ value ]))
      ) (attrNames attrs)
    );

  when = condition: attrs: if condition then attrs else { };
in
name: service:
let
  # { script = "ExecStart"; … }: each a script of its own in the store, so that a unit changes when its script does.
  execs = {
    preStart = "ExecStartPre";
    script = "ExecStart";
    postStart = "ExecStartPost";
    reload = "ExecReload";
    preStop = "ExecStop";
    postStop = "ExecStopPost";
  };
  exec =
    field:
    when (service ? ${field}) {
      ${execs.${field}} = "/bin/sh -eu ${file "unit-script-${name}-${field}" service.${field}}";
    };
  scripts = builtins.foldl' (all: field: all // exec field) { } (attrNames execs);

  ordering =
    when (service ? description) { Description = service.description; }
    // when (service ? after) { After = service.after; }
    // when (service ? before) { Before = service.before; };

  # How switch-to-configuration treats a change; only what differs from the rule is written.
  change =
    when (service ? restartIfChanged) { X-RestartIfChanged = yes service.restartIfChanged; }
    // when (service ? reloadIfChanged) { X-ReloadIfChanged = yes service.reloadIfChanged; }
    // when (service ? stopIfChanged) { X-StopIfChanged = yes service.stopIfChanged; };
in
file "unit-${name}.service" ''
  [Unit]
  ${assignments (ordering // (service.unitConfig or { }))}
  [Service]
  ${assignments (scripts // change // (service.serviceConfig or { }))}''
