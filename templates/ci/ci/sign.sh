#!/bin/sh
# For a CI job: builds these hosts' systems, signs them with the fleet's key, and has the fleet's cache keep them.
#
#   sh ci/sign.sh HOST...
#
# SIGNING_KEY     the fleet's secret key; without it nothing is done, and hosts that require signatures refuse what is deployed
# CACHE           ssh://push@cache.example.org; without it nothing is pushed
# BUNGEE_SSH_KEY  the key that logs in there
set -eu
umask 077

if [ -z "${SIGNING_KEY:-}" ]; then
  echo "SIGNING_KEY is not set: nothing is signed"
  exit 0
fi
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' HUP INT TERM
printf '%s\n' "$SIGNING_KEY" >"$directory/fleet.key"
unset SIGNING_KEY

if [ -n "${CACHE:-}" ]; then
  nix run .#bungee -- push-cache "$@" --to "$CACHE" --sign-key "$directory/fleet.key" --known-hosts ci/known_hosts
else
  unset BUNGEE_SSH_KEY
  for host in "$@"; do
    nix build --out-link "$directory/$host" ".#nixosConfigurations.\"$host\".config.system.build.toplevel"
    nix store sign --recursive --key-file "$directory/fleet.key" "$directory/$host"
  done
fi
