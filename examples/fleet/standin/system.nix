# config → toplevel: the derivations of a system. What stands in it, and where, is what NixOS' toplevel has;
# `standin/` in it holds what NixOS keeps in store paths of their own.
{ system, evaluate }:
let
  inherit (builtins)
    attrNames
    attrValues
    concatStringsSep
    filter
    listToAttrs
    mapAttrs
    replaceStrings
    toFile
    toString
    ;

  derive = import ./derive.nix { inherit system; };

  quote = text: "'${replaceStrings [ "'" ] [ "'\\''" ] text}'";
  lines = concatStringsSep "\n";
  # A store path's name has few letters: "ssh/authorized_keys.d/root" → "ssh-authorized_keys.d-root"
  file = name: text: toFile (replaceStrings [ "/" "@" ":" ] [ "-" "-" "-" ] name) text;

  # { path = file; } → shell commands that put links to the files at the paths below $out.
  links =
    files:
    lines (
      attrValues (
        mapAttrs (path: target: ''
          mkdir -p "$(dirname "$out"/${quote path})"
          ln -s ${target} "$out"/${quote path}
        '') files
      )
    );

  unit = import ./unit.nix { inherit file; };

  unitsOf =
    services:
    let
      names = attrNames services;
      # A unit is copied, not linked: systemd takes a link to a file of another name for an alias.
      put =
        name:
        let
          service = services.${name};
          asDropin = (service.overrideStrategy or "") == "asDropin";
          path = if asDropin then "${name}.service.d/overrides.conf" else "${name}.service";
          wanted = if asDropin then [ ] else service.wantedBy or [ ];
        in
        if !(service.enable or true) then
          ''ln -s /dev/null "$out"/${quote "${name}.service"}''
        else
          ''
            mkdir -p "$(dirname "$out"/${quote path})"
            cp ${unit name service} "$out"/${quote path}
          ''
          + lines (
            map (target: ''
              mkdir -p "$out"/${quote "${target}.wants"}
              ln -s ${quote "../${name}.service"} "$out"/${quote "${target}.wants/${name}.service"}
            '') wanted
          );
    in
    derive "system-units" { } ''
      mkdir -p "$out"
      ${lines (map put names)}
    '';

  etcOf =
    config:
    let
      entries = config.environment.etc;
      named = name: if entries.${name} ? source then entries.${name}.source else file "etc-${name}" entries.${name}.text;
      modes = filter (name: entries.${name} ? mode) (attrNames entries);
    in
    derive "etc" { } ''
      mkdir -p "$out/systemd"
      ln -s ${unitsOf config.systemd.services} "$out/systemd/system"
      ${links (mapAttrs (name: _: named name) entries)}
      ${lines (map (name: ''printf %s ${quote entries.${name}.mode} >"$out"/${quote "${name}.mode"}'') modes)}
    '';

  kernelOf =
    version:
    derive "linux-${version}" { inherit version; } ''
      mkdir -p "$out/lib/modules/$version"
      echo "kernel $version" >"$out/bzImage"
    '';

  initrdOf =
    version: derive "initrd-linux-${version}" { inherit version; } ''mkdir "$out"; echo "initrd $version" >"$out/initrd"'';

  # Depends on label and size only, so that hosts share it as they share most of a NixOS closure.
  payloadOf =
    label: kib:
    derive "payload-${label}" { inherit label; } ''
      mkdir "$out"
      { yes "$label" || :; } 2>/dev/null | head -c ${toString (kib * 1024)} >"$out/data"
    '';

  toplevel =
    { config, modules }:
    let
      name = config.networking.hostName;
      inherit (config.system.nixos) label;
      inherit (config) standin;
      kernel = kernelOf standin.kernel;
      snippets = folder: texts: {
        files = mapAttrs (snippet: text: file "${folder}-${snippet}" text) texts;
        inherit folder;
      };
      folders = [
        (snippets "activation" config.system.activationScripts)
        (snippets "pre-switch-checks" config.system.preSwitchChecks)
        (snippets "faults" standin.faults)
      ];
      specialisations = mapAttrs (
        _: specialisation:
        let
          own = modules ++ [ specialisation.configuration ];
        in
        toplevel {
          config = (evaluate own) // {
            specialisation = { };
          };
          modules = own;
        }
      ) config.specialisation;
    in
    derive "nixos-system-${name}-${label}"
      {
        inherit label system;
        inherit (standin) initInterface bootLoader;
        activate = ./activate.sh;
        setupEtc = ./setup-etc.sh;
        switchToConfiguration = ./switch-to-configuration.sh;
        installBootLoader = ./install-boot-loader.sh;
      }
      ''
        mkdir -p "$out/bin" "$out/specialisation" "$out/sw/bin" "$out/standin/activation" "$out/standin/faults" "$out/standin/pre-switch-checks"
        script() {
          sed "s|@out@|$out|g" "$1" >"$out/$2"
          chmod 555 "$out/$2"
        }
        script "$activate" activate
        script "$switchToConfiguration" bin/switch-to-configuration
        script "$setupEtc" standin/setup-etc
        script "$installBootLoader" standin/install-boot-loader
        sed -i "s|@bootLoader@|$bootLoader|" "$out/standin/install-boot-loader"

        ln -s ${etcOf config} "$out/etc"
        ln -s ${kernel}/bzImage "$out/kernel"
        ln -s ${kernel} "$out/kernel-modules"
        ln -s ${initrdOf standin.kernel}/initrd "$out/initrd"
        ln -s ${payloadOf label standin.payloadKiB} "$out/standin/payload"
        ln -s /usr "$out/systemd"
        printf '#!/bin/sh\n%s/activate\nexec /lib/systemd/systemd "$@"\n' "$out" >"$out/init"
        printf '#!/bin/sh\ncat /run/current-system/nixos-version\n' >"$out/sw/bin/nixos-version"
        chmod 555 "$out/init" "$out/sw/bin/nixos-version"
        for package in ${toString config.environment.systemPackages}; do
          ln -s "$package"/bin/* "$out/sw/bin"
        done
        printf quiet >"$out/kernel-params"
        printf %s "$label" >"$out/nixos-version"
        printf %s "$system" >"$out/system"
        printf %s "$initInterface" >"$out/init-interface-version"
        ${lines (
          map (
            { folder, files }:
            links (
              listToAttrs (
                map (snippet: {
                  name = "standin/${folder}/${snippet}";
                  value = files.${snippet};
                }) (attrNames files)
              )
            )
          ) folders
        )}
        ${links (
          listToAttrs (
            map (specialisation: {
              name = "specialisation/${specialisation}";
              value = specialisations.${specialisation};
            }) (attrNames specialisations)
          )
        )}
      '';
in
toplevel
