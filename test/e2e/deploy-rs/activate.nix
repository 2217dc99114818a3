# A stand-in for `deploy-rs.lib.<system>.activate`, which needs nixpkgs: what it makes has the same files in the same places.
{ system }:
let
  derive = import ../standin/derive.nix { inherit system; };

  # All that the base has, by links, and two programs beside it. Only the first is of use to others than deploy-rs itself.
  activatable =
    base:
    {
      activate,
      dryActivate ? "echo ${builtins.toFile "would-run" activate}",
      boot ? "echo ${builtins.toFile "would-run" activate}",
    }:
    derive "activatable-${base.name}"
      {
        inherit base;
        script = ''
          #!/bin/sh
          set -eu
          if [ "''${DRY_ACTIVATE:-}" = 1 ]; then
            ${dryActivate}
          elif [ "''${BOOT:-}" = 1 ]; then
            ${boot}
          else
            ${activate}
          fi
        '';
      }
      ''
        mkdir "$out"
        ln -s "$base"/* "$out"
        printf '%s' "$script" >"$out/deploy-rs-activate"
        printf '#!/bin/sh\necho "deploy-rs itself was started" >&2\nexit 1\n' >"$out/activate-rs"
        chmod 555 "$out/deploy-rs-activate" "$out/activate-rs"
      '';
in
{
  custom = base: activate: activatable base { inherit activate; };
  noop = base: activatable base { activate = ":"; };
  nixos =
    configuration:
    activatable configuration.config.system.build.toplevel {
      activate = "cd /tmp; $PROFILE/bin/switch-to-configuration switch";
      dryActivate = "$PROFILE/bin/switch-to-configuration dry-activate";
      boot = "$PROFILE/bin/switch-to-configuration boot";
    };
}
