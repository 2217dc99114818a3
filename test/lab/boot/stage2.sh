#!/bin/sh
# The boot loader and stage 2 of a lab host, as process 1: activates the system that is the boot default, then becomes
# systemd.
set -eu

# boot_default: the toplevel that the boot loader's default entry starts; nothing if there is none.
boot_default() {
  entry=$(sed -n 's/^default[[:space:]]\{1,\}//p' /boot/loader/loader.conf 2>/dev/null | tail -n 1)
  [ -n "$entry" ] || return 0
  sed -n 's/^options[[:space:]]\(.*[[:space:]]\)\{0,1\}init=\([^[:space:]]*\)\/init\([[:space:]].*\)\{0,1\}$/\2/p' \
    "/boot/loader/entries/$entry" 2>/dev/null | head -n 1
}

system=$(boot_default)
if [ -n "$system" ] && [ -e "$system/activate" ]; then
  echo "lab: booting $system"
  ln -s "$system" /run/booted-system
  ln -s "$system" /run/current-system
  "$system/activate" || echo "lab: activate: exit $?"
else
  echo "lab: no system is installed (boot default: ${system:-none})"
fi

exec /lib/systemd/systemd --system --show-status=false --log-target=console
