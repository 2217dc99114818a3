# ── a run and its state ──────────────────────────────────────────────────────────────────────────────────────────────

valid_id() { case $1 in '' | -* | *[!0-9a-z-]*) return 1 ;; *) [ ${#1} -le 64 ] ;; esac }

load() { # ID
  valid_id "$1" || refuse usage "not a run id: $1"
  id=$1 run=$STATE/runs/$1
  [ -d "$run/state" ] || refuse no-such-run "no run $id on this host"
  action=$(get action) release=$(get release)
  profile_name=$(get profile) profile_user=$(get profile-user) profile_link=$(get profile-link)
}

# Listens, and takes it from who has the run's token on the first line and from nobody else.
check_token() {
  listen
  token=$(get token)
  [ -n "$token" ] && [ "$(input_line 1)" = "$token" ] || refuse token "this is not the token of run $id"
}

# A value, without the blanks at its end: `read` takes them away, and needs no process of its own.
get() {
  value=
  read -r value <"$run/$1"
  printf '%s\n' "$value"
} 2>/dev/null
put() { printf '%s\n' "$2" >"$run/$1"; }
# What must be writable on a full disk has its room from the beginning, and is written in place.
tell() { printf '%-1000.1000s\n' "$2" 1<>"$run/$1"; }
note() { printf 'bungee: %s\n' "$1" >>"$run/log"; }

state() {
  # A directory read in mid-rename may show neither name; one that never had a name is no run that ever was.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    for file in "$run"/state/*; do :; done
    case $file in */\*) sleep 0.01 ;; *) break ;; esac
  done
  echo "${file##*/}"
}

become() { mv -T "$run/state/$1" "$run/state/$2" 2>/dev/null; } # FROM TO

is_final() { case $1 in committed | rolled-back | rollback-failed | kept | cancelled) ;; *) return 1 ;; esac }

# What the host is `now` is told of a run that has ended: before, it is about to change, and to look costs time.
status_line() {
  status=$(state) now=null broken=null reboot=false
  if is_final "$status"; then now=$(triple) broken=$(newly_failed | json_lines); fi
  [ "$(get reboot)" = no ] || reboot=true
  answer run="$id" state="$status" action="$action" reboot:=$reboot release="$release" why="$(get why)" \
    message="$(get message)" recorded:="$(get recorded)" now:="$now" newlyFailed:="$broken"
}

# The units that fail and did not when the run began.
newly_failed() { failed_units | grep -vxF -f "$run/recorded-failed-units"; }

# Ends a run: state first, lock last. Each step may be done again, by whoever finds it half done.
finish() { # FROM TO
  become "$1" "$2" || [ "$(state)" = "$2" ] || return
  # On a full disk the line takes the place of what was kept for it, whole.
  rm -f "$run/room-for-history"
  grep -qs "\"run\":\"$id\"" "$STATE/history" || {
    line=$(object run="$id" ended="$(date -u +%FT%TZ)" began="$(get began)" action="$action" release="$release" state="$2" \
      why="$(get why)" actor="$(get actor)" ${profile_name:+"profile=$profile_name" "user=$profile_user"})
    printf '%s\n' "$line" >>"$STATE/history"
  } 2>/dev/null
  forget_units
  rm -f "$ROOTS/$id-release" "$ROOTS/$id-running" "$ROOTS/$id-profile" "$ROOTS/$id-boot-default"
  [ "$(readlink "$STATE/current")" != "runs/$id" ] || rm -f "$STATE/current"
  systemctl stop --no-block "bungee-guard-$id.timer" 2>/dev/null
  return 0
}

