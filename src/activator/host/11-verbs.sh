# ── verbs for the deployer ───────────────────────────────────────────────────────────────────────────────────────────

# Changes nothing: a dry run asks this too.
facts() { # [PROFILE]
  profile_words 0 "$@"
  lock=null pending=false
  ! kernel_changed /run/current-system || pending=true
  if [ -L $STATE/current ]; then
    id=$(readlink $STATE/current) id=${id#runs/} run=$STATE/runs/$id
    same_boot=false
    [ "$(get boot-id)" != "$(boot_id)" ] || same_boot=true
    lock=$(object run="$id" state="$(state)" actor="$(get actor)" since="$(get began)" sameBoot:=$same_boot)
  fi
  answer hostName="$(cat /proc/sys/kernel/hostname)" bootId="$(boot_id)" nixVersion="$(nix-store --version | sed 's/.* //')" \
    now:="$(triple)" booted="$(resolved /run/booted-system)" rebootPending:="$pending" failedUnits:="$(failed_units | json_lines)" lock:="$lock" \
    storeFreeBytes:="$(free_bytes /nix/store)" stateFreeBytes:="$(free_bytes /var/lib)" upSeconds:="$(uptime_seconds)"
}

# The log from a byte offset on, in frames (`log N`, then N bytes), until the state is another than STATE.
follow() { # ID OFFSET STATE
  load "$1"
  offset=$2 idle=0
  # A shell would read 08 as an octal number that is none, and 20 digits as no number at all.
  case $offset in '' | 0?* | *[!0-9]* | ????????????????*) refuse usage "not an offset: $offset" ;; esac
  while :; do
    # The state first: what was logged before it changed is then sent before the change is told.
    now=$(state) size=$(stat -c %s "$run/log")
    if [ "$size" -gt "$offset" ]; then
      printf 'log %d\n' $((size - offset)) && tail -c +$((offset + 1)) "$run/log" | head -c $((size - offset))
      offset=$size idle=0
    fi
    if [ "$now" != "$3" ] || is_final "$now"; then break; fi
    idle=$((idle + 1))
    # An empty frame is a heartbeat: it tells the deployer that the line is alive, and us whether anybody listens.
    [ $((idle % 10)) -ne 0 ] || printf 'log 0\n' || exit 0
    [ $((idle % 50)) -ne 0 ] || settle
    sleep 0.1
  done
  status_line
}

status() { # ID
  load "$1"
  settle
  status_line
}

# Comes over a fresh connection: that it arrives at all is what is being proved.
confirm() { # ID; token on stdin
  load "$1"
  check_token
  case $(state) in
    awaiting-confirmation) ;;
    confirmed | committing | committed) status_line; return ;;
    beginning | activating | rebooting) refuse not-yet "run $id has not finished its activation" ;;
    *) refuse too-late "run $id is $(state)" ;;
  esac
  running=$(resolved /run/current-system)
  # That its program ended well is all there is to know of a profile.
  ! is_profile || running=$release
  [ "$running" = "$release" ] || refuse not-running "the host runs $running, not the release"
  broken=$(newly_failed)
  [ -z "$broken" ] || [ "$(get allow-failed-units)" = yes ] ||
    refuse failed-units "units fail that did not fail before: $(echo "$broken" | tr '\n' ' ')"
  become awaiting-confirmation confirmed || refuse too-late "run $id is $(state)"
  status_line
}

abort() { # ID [WHY]; on stdin the token, then a line for people
  load "$1"
  check_token
  message=$(input_line 2)
  case ${2-aborted} in
    aborted) why=aborted message=${message:-the deployer called it off} ;;
    unhealthy) why=unhealthy message=${message:-a health check failed} ;;
    *) refuse usage "not a reason to abort: $2" ;;
  esac
  tell abort "$why"
  tell abort-message "$message"
  if become awaiting-confirmation aborting; then :; elif become activating aborting; then end_switch; fi
  status_line
}

stage() { # RELEASE ANY-HOST(yes|no) REQUIRE-SIGNATURE(yes|no) [PROFILE]
  profile_words 3 "$@"
  check_release "$1" "$2" "$3"
  install -d -m 755 $ROOTS && ln -sfn "$1" "$ROOTS/staged${profile_name:+-$profile_user-$profile_name}" || refuse state-directory "cannot write $ROOTS"
  is_kept "$1" || refuse not-valid "$1 was collected as garbage just now"
  answer release="$1"
}

# There is no command in here that changes the host.
dry_activate() { # RELEASE ANY-HOST(yes|no) REQUIRE-SIGNATURE(yes|no) [PROFILE]
  profile_words 3 "$@"
  check_release "$1" "$2" "$3"
  if is_profile; then
    preview_profile "$1"
  else
    "$1/bin/switch-to-configuration" dry-activate 2>&1
  fi
  code=$?
  echo
  answer release="$1" exitCode:=$code
}

# For a deploy user: what this host tells Prometheus, by the script that is installed beside this one. An operator brings it along.
metrics() {
  told=$(/bin/sh -p /run/current-system/sw/bin/bungee-metrics - 2>/dev/null) || refuse restricted "this host has no bungee-metrics"
  printf '%s\n' "$told"
  answer lines:="$(printf '%s\n' "$told" | wc -l)"
}

verb=${1-}
[ $# -eq 0 ] || shift
if [ "$verb" = restricted ]; then
  restricted=yes verb=${1-}
  # The installed script itself carries the run out, nothing that was sent.
  unset BUNGEE_ACTIVATOR
  [ $# -eq 0 ] || shift
  check_restricted "$verb" "$@"
fi
# A word that is missing would be a variable that is not set: the shell's own error, and no answer.
case $verb in
  status | check | confirm | abort | unwrap | run | guard | switch-ended) least=1 ;;
  follow | stage | dry-activate) least=3 ;;
  *) least=0 ;;
esac
[ $# -ge $least ] || refuse usage "$verb takes at least $least words, not $#"
case $verb in
  facts | begin | follow | status | check | confirm | abort | stage | unwrap | metrics | run | guard) "$verb" "$@" ;;
  dry-activate) dry_activate "$@" ;;
  switch-ended) load "$1" && switch_ended ;;
  *) refuse usage "no such verb: $verb" ;;
esac
