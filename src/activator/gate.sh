#!/bin/sh -p
# bungee's gate: all that a deploy user can do on this host. It is that user's login shell and sshd's forced command, so whatever a
# client asks for ends here: `nix-daemon --stdio` to bring store paths, the activator's verbs to deploy them, and nothing else.
#
# What the client asked for is data: it is taken apart at its spaces, and never evaluated. The gate's own arguments are not looked at.
# It guards the deploy user's account; the host itself is guarded by the activator, which trusts nothing that comes from here.
# -p: no functions, startup files or options from the environment, whatever sshd may accept there.
set -fu
LC_ALL=C IFS=' '
PATH=/run/wrappers/bin:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/bin:/bin
LONGEST=4096

refuse() {
  printf '{"protocol":2,"error":"restricted","message":"this login only lets bungee deploy: nix-daemon --stdio, and bungee-activator with plain words"}\n'
  exit 65
}

asked=${SSH_ORIGINAL_COMMAND-}
[ ${#asked} -le $LONGEST ] || refuse
case $asked in
  # With its sshd: in a copy that is cut, nix 2.26 waits on for ever, and holds the lock of the path that was on its way.
  'nix-daemon --stdio') exec env -i PATH="$PATH" setpriv --pdeathsig KILL nix-daemon --stdio ;;
  *[!A-Za-z0-9+._?=/@:,%\'\ -]* | *'  '* | *' ') refuse ;;
  'bungee-activator '*) ;;
  *) refuse ;;
esac

# shellcheck disable=SC2086 # to be split, at spaces only
set -- ${asked#* }
for word; do
  shift
  # bungee quotes a word with = or ? in it. There is nothing in it that could be a quote of its own.
  case $word in \'*\') word=${word#\'} word=${word%\'} ;; esac
  case $word in '' | *\'*) refuse ;; esac
  set -- "$@" "$word"
done

case $1 in
  facts | begin | follow | status | confirm | abort | stage | dry-activate | check | unwrap | metrics) ;;
  *) refuse ;;
esac
exec env -i PATH="$PATH" sudo -n -- /run/current-system/sw/bin/bungee-activator-restricted "$@"
