#!/bin/sh -p
# The gate of a push user: all that who pushes to a binary cache can do on its host. It is that user's login shell and sshd's forced
# command: `nix-daemon --stdio` to bring store paths, the keeper's two verbs to have them kept, and nothing else. No root, no sudo.
#
# What the client asked for is data, as in ../gate.sh: it is taken apart at its spaces, and never evaluated.
set -fu
LC_ALL=C IFS=' '
PATH=/run/wrappers/bin:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/bin:/bin
LONGEST=4096

refuse() {
  printf '{"protocol":2,"error":"restricted","message":"this login only lets bungee push to the cache: nix-daemon --stdio, and bungee-cache-keeper with plain words"}\n'
  exit 65
}

asked=${SSH_ORIGINAL_COMMAND-}
[ ${#asked} -le $LONGEST ] || refuse
case $asked in
  # With its sshd: in a copy that is cut, nix 2.26 waits on for ever, and holds the lock of the path that was on its way.
  'nix-daemon --stdio') exec env -i PATH="$PATH" setpriv --pdeathsig KILL nix-daemon --stdio ;;
  *[!A-Za-z0-9._+\ -]* | *'  '* | *' ') refuse ;;
  'bungee-cache-keeper info' | 'bungee-cache-keeper keep '*) ;;
  *) refuse ;;
esac
# shellcheck disable=SC2086 # to be split, at spaces only
set -- ${asked#* }
exec env -i PATH="$PATH" /bin/sh -p /run/current-system/sw/bin/bungee-cache-keeper "$@"
