#!/bin/sh
# Puts the files of this system in place: run by every switch, and at boot before there is a systemd.
# As on NixOS a snippet that fails does not stop the others, and the exit code tells in the end.
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

out=@out@
status=0

# run NAME COMMAND...
run() {
  name=$1
  shift
  "$@" || {
    echo "Activation script snippet '$name' failed ($?)" >&2
    status=1
  }
}

run etc "$out/standin/setup-etc" "$out/etc"
for snippet in "$out"/standin/activation/*; do
  [ ! -e "$snippet" ] || run "${snippet##*/}" sh -eu "$snippet"
done

ln -sfn "$out" /run/current-system
mkdir -p /nix/var/nix/gcroots
ln -sfn /run/current-system /nix/var/nix/gcroots/current-system
exit "$status"
