#!/bin/sh
# Makes this system the running one, the one that boots next, or both: what NixOS' program of this name does, in its
# order and with its exit codes and messages, for a host that has units, /etc and a boot menu but no nixpkgs.
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

out=@out@
state=/run/nixos
old=/etc/static/systemd/system # the units of the /etc that is running
new=$out/etc/systemd/system

say() {
  printf '%s\n' "$*" >&2
}

# Tests let a system break in one place or another; an ordinary one has no faults.
at() {
  [ ! -e "$out/standin/faults/$1" ] || sh -eu "$out/standin/faults/$1" || exit
}

# say_units TEXT UNIT...
say_units() {
  text=$1
  shift
  [ $# = 0 ] || say "$text: $(printf '%s\n' "$@" | LC_ALL=C sort -u | paste -sd, | sed 's/,/, /g')"
}

# What is still to be done is on disk before anything is done, so that the next switch can end what this one began.
record() {
  [ "$action" = dry-activate ] || printf '%s\n' "$2" >>"$state/$1-list"
}

recorded() {
  cat "$state/$1-list" 2>/dev/null || :
}

# Every unit that the running /etc or the new one defines, masks or extends.
managed_units() {
  for directory in "$old" "$new"; do
    [ ! -d "$directory" ] || find -L "$directory/" -mindepth 1 -maxdepth 1 -printf '%f\n'
  done | sed -n 's/\.d$//; /\.\(service\|timer\|socket\|path\|mount\|target\)$/p' | sort -u
}

defines() {
  [ -e "$1/$2" ] || [ -d "$1/$2.d" ]
}

masks() {
  [ "$(readlink -f "$1/$2")" = /dev/null ]
}

# The text of a unit with its drop-ins; a change of what is only for people needs no restart.
definition() {
  cat "$1/$2" "$1/$2".d/*.conf 2>/dev/null | grep -vE '^(Description|Documentation)=' || :
}

# Scopes are sessions and the like, which others manage.
running_units() {
  systemctl list-units --plain --no-legend --state active,activating,reloading | sed 's/ .*//; /\.scope$/d' | sort
}

plan_gone() {
  if ! masks "$new" "$1" && definition "$old" "$1" | grep -qxF X-StopOnRemoval=false; then return; fi
  stop="$stop $1"
}

plan_changed() {
  if definition "$new" "$1" | grep -qxF X-ReloadIfChanged=true; then
    reload="$reload $1"
    record reload "$1"
  elif definition "$new" "$1" | grep -qxE 'X-RestartIfChanged=false|RefuseManualStop=true|X-OnlyManualStart=true'; then
    skip="$skip $1"
  elif definition "$new" "$1" | grep -qxF X-StopIfChanged=false || [ "${1%.service}" = "$1" ]; then
    restart="$restart $1"
    record restart "$1"
  else
    stop="$stop $1"
    start="$start $1"
    record start "$1"
  fi
}

# Units that are not running need no plan: what is new is started by its target, what was stopped by hand stays so.
plan_units() {
  stop='' skip=''
  start=$(recorded start) restart=$(recorded restart) reload=$(recorded reload)
  for unit in $(managed_units | grep -xF -- "$before"); do
    if masks "$new" "$unit"; then
      plan_gone "$unit"
    elif [ "$(definition "$old" "$unit")" = "$(definition "$new" "$unit")" ]; then
      continue
    elif ! defines "$new" "$unit" && [ -e "$old/$unit" ]; then
      plan_gone "$unit"
    else
      plan_changed "$unit"
    fi
  done
}

action=${1:-}
case $action in
switch | boot | test | dry-activate | check) ;;
*)
  say "Usage: switch-to-configuration [check|switch|boot|test|dry-activate]
check:        run pre-switch checks and exit
switch:       make the configuration the boot default and activate now
boot:         make the configuration the boot default
test:         activate the configuration, but don't make it the boot default
dry-activate: show what would be done if this configuration were activated"
  exit 1
  ;;
esac
if [ "$(id -u)" != 0 ]; then
  say "switch-to-configuration must be run as the root user"
  exit 1
fi
NIXOS_ACTION=$action
export NIXOS_ACTION

if [ ! -f /etc/NIXOS ] && ! grep -qxE 'ID="?nixos"?' /etc/os-release; then
  say "This is not a NixOS installation!"
  exit 255
fi

# 1. The lock: descriptor 9, which is closed for whatever may outlive this script.
mkdir -p "$state"
exec 9>>"$state/switch-to-configuration.lock"
flock --nonblock 9 || {
  say "Could not acquire lock"
  exit 11
}

# 2. Pre-switch checks.
if [ "${NIXOS_NO_CHECK:-}" != 1 ]; then
  for check in "$out"/standin/pre-switch-checks/*; do
    [ -e "$check" ] || continue # there are none
    sh -eu "$check" "$out" "$action" 9>&- || {
      say "Pre-switch check '${check##*/}' failed"
      say "Pre-switch checks failed"
      exit 1
    }
  done
fi
[ "$action" != check ] || exit 0

# 3. The boot loader.
case $action in
switch | boot)
  at boot-loader
  "$out/standin/install-boot-loader" "$out" 9>&- || {
    say "Failed to install bootloader"
    exit 1
  }
  at boot-loader-done
  ;;
esac
[ "${NIXOS_NO_SYNC:-}" = 1 ] || sync -f /nix/store
[ "$action" != boot ] || exit 0

# 4. A new interface of init cannot be met without a reboot.
if ! cmp -s "$out/init-interface-version" /run/current-system/init-interface-version && [ -e /run/current-system ]; then
  say "Warning: the new NixOS configuration has an 'init' that is
incompatible with the current configuration.  The new configuration
won't take effect until you reboot the system."
  exit 100
fi

# 5. The units: lists of names without spaces, so they are left unquoted where they are used.
before=$(running_units)
plan_units
# shellcheck disable=SC2086
if [ "$action" = dry-activate ]; then
  say_units "would stop the following units" $stop
  say_units "would NOT stop the following changed units" $skip
  say "would activate the configuration..."
  say_units "would reload the following units" $reload
  say_units "would restart the following units" $restart
  say_units "would start the following units" $start
  exit 0
fi

trap : HUP # the terminal of whoever called may go away from here on
exit_code=0

# shellcheck disable=SC2086
if [ -n "$stop" ]; then
  say_units "stopping the following units" $stop
  systemctl stop -- $stop || :
fi
# shellcheck disable=SC2086
say_units "NOT restarting the following changed units" $skip
at stopped

# 6. /etc and all that `activate` does. When it fails the units are started none the less.
say "activating the configuration..."
"$out/activate" "$out" 9>&- || {
  say "Failed to run activate script"
  exit_code=2
}
at activated

# 7. systemd reads the new units, and forgets which ones had failed.
systemctl reset-failed
systemctl daemon-reload || exit_code=3
at reloaded

# 8. Reload, restart, start; each list is dropped when it is done.
# shellcheck disable=SC2086
if [ -n "$reload" ]; then
  say_units "reloading the following units" $reload
  systemctl reload-or-restart -- $reload || exit_code=4
fi
rm -f "$state/reload-list"
# shellcheck disable=SC2086
if [ -n "$restart" ]; then
  say_units "restarting the following units" $restart
  systemctl restart -- $restart || exit_code=4
fi
rm -f "$state/restart-list"
# Starting a target that is active starts what it wants and is not running: the new units.
target=multi-user.target
systemctl is-active --quiet "$target" || target=
# shellcheck disable=SC2086
if [ -n "$start$target" ]; then
  say_units "starting the following units" $start
  systemctl start -- $start $target || exit_code=4
fi
rm -f "$state/start-list"
at started

# 9. What is new, and what failed.
# shellcheck disable=SC2086
started=$(running_units | grep -vxF -- "$before
$(printf '%s\n' $start)" || :)
# shellcheck disable=SC2086
say_units "the following new units were started" $started

failed=$(systemctl list-units --plain --no-legend --state failed | awk '{ print $1 }')
# shellcheck disable=SC2086
if [ -n "$failed" ]; then
  say_units "warning: the following units failed" $failed
  systemctl status --no-pager --full -- $failed >&2 || :
  exit_code=4
fi
exit "$exit_code"
