#!/bin/bash
# build.sh SUITE MIRROR TARGET [mmdebstrap option...]: builds a root filesystem and renames it into place when it is whole.
# The caller holds the lock of TARGET. Without root, the files belong to the user's subordinate ids.
set -euo pipefail
suite=$1 mirror=$2 target=$3
shift 3
here=$(dirname "$(readlink -f "$0")")

if [ -d "$target" ]; then exit 0; fi # somebody else built it while we waited for the lock

as_owner=()
if [ "$(id -u)" != 0 ]; then as_owner=(unshare --user --map-root-user --map-auto); fi

"${as_owner[@]}" rm -rf "$target.new"
mkdir -p "$target.new"
trap '"${as_owner[@]}" rm -rf "$target.new"' EXIT

mmdebstrap --quiet --variant=essential --format=tar \
  --include="$(paste -sd, "$here/packages.txt")" \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  "$@" "$suite" - "$mirror" |
  "${as_owner[@]}" tar --extract --numeric-owner --preserve-permissions --exclude='./dev/*' --directory "$target.new"
"${as_owner[@]}" "$here/prepare.sh" "$target.new"
mv "$target.new" "$target"
