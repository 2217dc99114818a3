#!/bin/sh
# bungee's activator: carries one run out on the host, and snaps the host back when nobody confirms.
#
#   facts | begin | follow | status | check | confirm | abort | stage | dry-activate | unwrap | metrics    for the deployer
#   run | guard | switch-ended                                                                             for this host's systemd
#
# Needs what every NixOS has: sh, coreutils, sed, util-linux, systemd, nix. Every verb for the deployer ends with one JSON line.
# Exit codes: 0 done · 64 usage · 65 refused, nothing was touched · 66 no such run · 75 another run holds the host.
#
# A run's state is the name of the one file in runs/<id>/state/. A change of state is one rename(2), which only one can win:
#
#   beginning → activating → (rebooting) → awaiting-confirmation → confirmed → committing → committed
#      ↓             └────────────┴───────────────┴── (aborting) ──────────────────┴──→ rolling-back → rolled-back | rollback-failed
#   cancelled                                                                           kept (rollback was switched off)
# shellcheck disable=SC2015 # `a && b || refuse` is meant to refuse when either fails
set -u
umask 077
export LC_ALL=C

PROTOCOL=2
# Bytes on standard input: more than a token and the longest command that Linux takes for one word.
LONGEST_INPUT=135168
STATE=/var/lib/bungee
ROOTS=/nix/var/nix/gcroots/bungee
PROFILE=/nix/var/nix/profiles/system
# Units that a reboot does not forget, where NixOS has none of its own.
UNITS=/etc/systemd/system.control
# Seconds that the way back and the boot step have, however impatient the activation timeout is.
AT_LEAST=300
# Seconds for which what would boot is set back again and again. Whoever asks in this time waits for an answer, and not for ever.
RESTORE_FOR=40
# The name that nixos-rebuild gives its unit: systemd then lets only one of us switch at a time.
SWITCH_UNIT=nixos-rebuild-switch-to-configuration.service
# The path of the system that runs *now*: in mid-switch /run/current-system may be a system without these tools.
PATH=$(readlink -f /run/current-system)/sw/bin:/run/wrappers/bin:/nix/var/nix/profiles/default/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────

# The JSON of a string; the empty string is null. Control characters have no business in a path, a unit or a name.
json_string() {
  case $1 in
    '') printf null ;;
    *[!\ -~]* | *[\\\"]*) printf '"%s"' "$(printf %s "$1" | tr -d '\000-\037\177' | sed 's/[\\"]/\\&/g')" ;;
    *) printf '"%s"' "$1" ;;
  esac
}

# The JSON list of the lines on standard input.
json_lines() {
  separator=
  printf '['
  while IFS= read -r line; do
    printf '%s' "$separator"
    json_string "$line"
    separator=,
  done
  printf ']'
}

# object KEY=STRING KEY:=JSON …
object() {
  separator=
  printf '{'
  for pair; do
    key=${pair%%=*}
    printf '%s"%s":' "$separator" "${key%:}"
    case $key in
      *:) printf '%s' "${pair#*=}" ;;
      *) json_string "${pair#*=}" ;;
    esac
    separator=,
  done
  printf '}\n'
}

answer() { object protocol:=$PROTOCOL "$@"; }

refuse() { # CODE MESSAGE [KEY=VALUE …]
  # What is refused may stand in the message, at any length.
  code=$1 message=$(printf '%.1000s' "$2")
  shift 2
  answer error="$code" message="$message" "$@"
  case $code in
    usage) exit 64 ;;
    no-such-run) exit 66 ;;
    locked) exit 75 ;;
    *) exit 65 ;;
  esac
}

# ── questions ────────────────────────────────────────────────────────────────────────────────────────────────────────

# All that a verb is sent, before it looks at any of it. What has no end is read no further than anything needed can be long: a deploy
# user's key may have been stolen, and this is root's memory.
listen() {
  input=$(head -c $((LONGEST_INPUT + 1)))
  [ ${#input} -le $LONGEST_INPUT ] || refuse usage "more than $LONGEST_INPUT bytes on standard input"
}

input_line() { printf '%s\n' "$input" | sed -n "$1p"; } # NUMBER
