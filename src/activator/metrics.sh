#!/bin/sh
# What this host runs, would boot and last did with bungee, as a textfile for Prometheus' node exporter. It reads, and writes one file.
#
#   metrics.sh FILE [ROOT]    writes FILE, whole or not at all; of the system whose root directory is ROOT
#   metrics.sh -              the same on standard output, between two lines that say where it begins and ends: `bungee metrics`
set -u
umask 022
export LC_ALL=C TZ=UTC

file=${1:?'the file to write'} root=${2-}
profile=$root/nix/var/nix/profiles/system
state=$root/var/lib/bungee
now=$(date +%s)

resolved() { [ ! -e "$1" ] || readlink -f "$1"; }

# As a label's value wants it.
quoted() { printf '"%s"' "$(printf %s "$1" | tr -d '\000-\037\177' | sed 's/[\\"]/\\&/g')"; }

metric() { # NAME TYPE HELP
  printf '# HELP %s %s\n# TYPE %s %s\n' "$1" "$3" "$1" "$2"
}

gauge() { # NAME HELP VALUE
  metric "$1" gauge "$2"
  printf '%s{host=%s} %s\n' "$1" "$host" "$3"
}

# The number of the generation that is a system: 0 where none is, as for one that was only tested. Of several, what the profile
# stands at counts before the newest: after `nixos-rebuild --rollback`, current and boot are then one.
generation() { # SYSTEM
  [ -n "$1" ] || { echo 0; return; }
  standing=$(readlink "$profile") found=0
  for link in "${standing:+${profile%/*}/${standing##*/}}" "$profile"-*-link; do
    number=${link#"$profile"-} number=${number%-link}
    case $number in '' | *[!0-9]*) continue ;; esac
    [ "$(resolved "$link")" = "$1" ] || continue
    [ "$link" != "${profile%/*}/${standing##*/}" ] || { found=$number; break; }
    [ "$number" -le "$found" ] || found=$number
  done
  echo "$found"
}

# Whether what would boot has another kernel, initrd or modules than what was booted. A container has none of them.
reboot_required() {
  if [ -z "$booted" ] || [ -z "$boot" ]; then
    echo 0
    return
  fi
  for part in kernel initrd kernel-modules; do
    [ "$(resolved "$booted/$part")" = "$(resolved "$boot/$part")" ] || { echo 1; return; }
  done
  echo 0
}

# The seconds since the activation: it makes this link anew. A clock that was set back counts as no time.
age() { # SECONDS
  past=$((now - $1))
  [ "$past" -ge 0 ] || past=0
  echo $past
}

# Fails where that is no time; to `date` nothing is today's midnight.
seconds_of() { [ -n "$1" ] && date -d "$1" +%s 2>/dev/null; }

field() { # NAME LINE; of the history: in a value, each quote has a backslash before it
  printf '%s\n' "$2" | sed -n "s/.*[{,]\"$1\":\"\([^\"\\\\]*\)\".*/\1/p"
}

systems() {
  current=$(resolved "$root/run/current-system") booted=$(resolved "$root/run/booted-system") boot=$(resolved "$profile")
  gauge nixos_current_generation 'The generation that runs, 0 where it is none: a test, or no profile.' "$(generation "$current")"
  gauge nixos_boot_generation 'The generation that the system profile stands at.' "$(generation "$boot")"
  gauge nixos_booted_generation 'The generation that was booted, 0 where it is none.' "$(generation "$booted")"
  activated=$(stat -c %Y "$root/run/current-system" 2>/dev/null) || activated=
  if [ -n "$activated" ]; then
    gauge nixos_config_age_seconds 'Seconds since the running system was activated.' "$(age "$activated")"
    gauge nixos_activation_timestamp_seconds 'When the running system was activated.' "$activated"
  fi
  gauge nixos_reboot_required 'Whether the next boot has another kernel, initrd or modules.' "$(reboot_required)"
  metric nixos_system_info gauge 'The running system.'
  printf 'nixos_system_info{host=%s,version=%s,kernel=%s,system=%s} 1\n' "$host" \
    "$(quoted "$(cat "$current/nixos-version" 2>/dev/null)")" "$(quoted "$(uname -r)")" "$(quoted "$current")"
}

lock() {
  held=0 held_for=0
  if [ -L "$state/current" ]; then
    held=1
    began=$(seconds_of "$(cat "$state/current/began" 2>/dev/null)") && held_for=$(age "$began")
  fi
  gauge bungee_lock_held 'Whether a run of bungee holds this host.' $held
  gauge bungee_lock_age_seconds 'Seconds since that run began, 0 without one.' "$held_for"
}

# The history's last whole line for the system, and for each profile besides it, behind the labels that say which: a line that names no
# profile is about the system.
last_lines() {
  sed -n '/[{,]"state":".*}$/{
    s/.*,"profile":"\([^"\\]*\)","user":"\([^"\\]*\)"}$/profile="\1",user="\2" &/p
    t
    s/^/profile="",user="" /p
  }' "$state/history" 2>/dev/null | tac | sort -s -u -t ' ' -k 1,1
}

# Nothing of what there never was a run of.
last_runs() {
  runs=$(last_lines | while read -r of line; do
    outcome=$(field state "$line") ended=$(field ended "$line")
    [ -z "$outcome" ] || ! seconds=$(seconds_of "$ended") || printf '%s %s %s %s\n' "$of" "$outcome" "$(field action "$line")" "$seconds"
  done)
  [ -n "$runs" ] || return 0
  metric bungee_last_run_state gauge 'How the last run of bungee ended: 1 for that state, 0 for the others; of the system, and of each profile besides it.'
  printf '%s\n' "$runs" | while read -r of outcome action _; do
    for each in committed rolled-back rollback-failed kept cancelled; do
      is=0
      [ "$each" != "$outcome" ] || is=1
      printf 'bungee_last_run_state{host=%s,%s,action=%s,state="%s"} %s\n' "$host" "$of" "$(quoted "$action")" "$each" $is
    done
  done
  metric bungee_last_run_timestamp_seconds gauge 'When the last run of bungee ended.'
  printf '%s\n' "$runs" | while read -r of _ _ seconds; do
    printf 'bungee_last_run_timestamp_seconds{host=%s,%s} %s\n' "$host" "$of" "$seconds"
  done
}

host=$(quoted "$(cat "$root/proc/sys/kernel/hostname")")
if [ "$file" = - ]; then
  echo '# BEGIN'
  systems
  lock
  last_runs
  echo '# EOF'
  exit
fi
mkdir -p "$(dirname "$file")" || exit
# The exporter reads whatever ends in .prom, and must never see half of it: not on a full disk either.
new=$file.new.$$
trap 'rm -f "$new"' EXIT
trap 'exit 1' HUP INT TERM
text=$(systems; lock; last_runs)
printf '%s\n' "$text" >"$new" && chmod 644 "$new" && mv -fT "$new" "$file"
