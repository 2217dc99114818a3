# ── health checks ────────────────────────────────────────────────────────────────────────────────────────────────────

# Seconds that a command which ignores its end has left.
LAST_SECONDS=1

# One try of one health check of a release that waits for its confirmation. What the kind takes comes on standard input, where no
# shell and no gate on the way has to understand it; it is looked at, and never evaluated.
check() { # ID KIND NAME SECONDS; on stdin the token, then for each kind what its function takes
  load "${1-}"
  check_token
  check_name=${3-} limit=${4-}
  case $check_name in '' | [!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) refuse usage "not the name of a health check: $check_name" ;; esac
  [ ${#check_name} -le 64 ] || refuse usage "not the name of a health check: $check_name"
  whole_seconds timeout "$limit"
  case $(state) in
    awaiting-confirmation) ;;
    beginning | activating | rebooting) refuse not-yet "run $id has not finished its activation" ;;
    *) refuse too-late "run $id is $(state)" ;;
  esac
  case ${2-} in
    unit) check_unit ;;
    tcp) check_tcp ;;
    http) check_http ;;
    command) check_command ;;
    *) refuse usage "not a kind of health check: ${2-}" ;;
  esac
}

well() { answer ok:=true message="$1" output:='[]'; }
not_well() { answer ok:=false message="$1" output:="$(printf '%s\n' "${2-}" | sed '/^[[:space:]]*$/d' | tail -n 5 | cut -b 1-300 | json_lines)"; }

# Whoever may only deploy may not look around from here.
from_this_host() {
  [ "$restricted" = no ] || refuse restricted "a deploy user may not have this host connect to others; let a command of the host's own configuration do it"
}

# Active, and the same start of it for as long as it is watched: what dies and is restarted, over and over, is active for moments.
check_unit() { # on stdin: UNIT, SECONDS, a line each
  unit=$(input_line 2) watch=$(input_line 3)
  case $unit in '' | -* | *[!A-Za-z0-9:_.\\@-]*) refuse usage "not the name of a unit: $unit" ;; esac
  # Digits alone are the number of a job to systemctl.
  case $unit in *[!0-9]*) ;; *) refuse usage "not the name of a unit: $unit" ;; esac
  case $watch in '' | *[!0-9]* | ?????*) refuse usage "not a number of seconds: $watch" ;; esac
  end=$(($(uptime_seconds) + watch)) first=
  while :; do
    shown=$(systemctl show --property=LoadState,ActiveState,SubState,Result,NRestarts,InvocationID -- "$unit")
    invocation=$(shown InvocationID)
    case $(shown LoadState)-$(shown ActiveState) in
      *-active | *-reloading) ;;
      not-found-*) not_well "there is no unit $unit on the host"; return ;;
      *) not_well "$unit is $(shown ActiveState) ($(shown SubState)); its last result: $(shown Result)$(restarts)"; return ;;
    esac
    [ "${first:=$invocation}" = "$invocation" ] || { not_well "$unit was restarted while it was watched$(restarts)"; return; }
    [ "$watch" -gt 0 ] && [ "$(uptime_seconds)" -le $end ] || break
    # Who asked may be gone: nothing of a check outlives its run.
    [ "$(state)" = awaiting-confirmation ] || refuse too-late "run $id is $(state)"
    sleep 0.2
  done
  well "$unit is active"
}

shown() { printf '%s\n' "$shown" | sed -n "s/^$1=//p"; }
restarts() { case $(shown NRestarts) in '' | 0) ;; *) printf ', %s restarts' "$(shown NRestarts)" ;; esac; }

check_tcp() { # on stdin: ADDRESS, PORT, a line each
  from_this_host
  address=$(input_line 2) port=$(input_line 3)
  case $address in '' | -* | */*) refuse usage "not an address: $address" ;; esac
  case $port in '' | 0* | *[!0-9]* | ??????*) refuse usage "not a port: $port" ;; esac
  # shellcheck disable=SC2016 # bash's own /dev/tcp
  said=$(timeout -k $LAST_SECONDS "$limit" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$port" 2>&1)
  case $? in
    0) well "$address port $port takes connections" ;;
    124 | 137) not_well "no answer from $address port $port within $limit s" ;;
    *) not_well "cannot connect to $address port $port: ${said##*: }" ;;
  esac
}

check_http() { # on stdin: URL, STATUS, CONTAINS, ADDRESS, a line each; all but the URL may be empty
  from_this_host
  url=$(input_line 2) wanted=$(input_line 3) contains=$(input_line 4) address=$(input_line 5)
  case $url in http://* | https://*) ;; *) refuse usage "not an http URL: $url" ;; esac
  command -v curl >/dev/null || { not_well "there is no curl on the host, which asks for $url"; return; }
  set -- curl --disable --silent --show-error --globoff --noproxy '*' --proto =http,https --max-time "$limit" \
    --write-out '%{stderr}bungee:%{http_code}\n' --url "$url"
  case $address in
    '') ;;
    *:*) set -- "$@" --connect-to "::[$address]:" ;;
    *) set -- "$@" --connect-to "::$address:" ;;
  esac
  # The body is looked through and thrown away; what is captured is curl's own words, and how many lines have the text.
  said=$({ timeout -k $LAST_SECONDS $((limit + 1)) "$@" | head -c 1048576 | grep -acF -e "$contains"; } 2>&1)
  status=$(printf '%s\n' "$said" | sed -n 's/^bungee:\([0-9]\{3\}\)$/\1/p')
  case $status in
    '' | 000) not_well "$url gives no answer" "$(printf '%s\n' "$said" | sed -n 's/^curl: ([0-9]*) //p')"; return ;;
    "$wanted") ;;
    2??) [ -z "$wanted" ] || { not_well "$url answers $status, not $wanted"; return; } ;;
    *) not_well "$url answers $status"; return ;;
  esac
  [ -z "$contains" ] || printf '%s\n' "$said" | grep -qx '[1-9][0-9]*' || { not_well "$url answers $status, without the text \"$contains\""; return; }
  well "$url answers $status"
}

# The release's own command of this name; what the deployer sends counts only where there is none, and from nobody who may only deploy.
# In a unit of its own: whatever it leaves running ends with it, and with the run. So timeout need only end the command itself; it would
# else end with it, and could not tell.
check_command() { # on stdin: COMMAND, all that is left
  own=$release/etc/bungee/health-checks/$check_name
  case $(readlink -f "$own") in /nix/store/*) ;; *) own= ;; esac
  if [ -f "$own" ]; then
    # shellcheck disable=SC2016 # $0 is for the inner shell
    set -- /bin/sh -c 'exec /bin/sh "$0" </dev/null' "$own"
  elif [ "$restricted" = yes ]; then
    refuse restricted "the release has no health check $check_name, and a deploy user may not bring one; set it in the host's own configuration"
  else
    # Not as a word of systemd-run's: systemd would look for variables of its own in it.
    # shellcheck disable=SC2016
    set -- /bin/sh -c 'command=$(cat) && exec /bin/sh -c "$command" </dev/null'
  fi
  # Its output comes when all of it is there, after systemd's own words and how it ended. Nothing of that: it was ended from outside.
  # shellcheck disable=SC2016 # for the inner shell
  said=$({
    printf '%s\n' "$input" | tail -n +2 |
      systemd-run --quiet --collect --wait --pipe --service-type=exec --unit="bungee-check-$id-$check_name-$$.service" \
        --property=BindsTo="bungee-run-$id.service" --property=After="bungee-run-$id.service" \
        --property=RuntimeMaxSec=$((limit + 3)) --property=TimeoutStopSec=$LAST_SECONDS \
        --setenv=PATH="$PATH" --setenv=HOME=/root \
        -- /bin/sh -c '"$@" 2>&1; echo "$0:$?" >&2' "bungee-$$" \
        timeout --foreground -k $LAST_SECONDS "$limit" "$@" 2>&3 | tail -c 4096
  } 3>&1)
  code=$(printf '%s\n' "$said" | sed -n "s/^bungee-$$:\([0-9]*\)$/\1/p" | head -n 1)
  said=$(printf '%s\n' "$said" | sed "/^bungee-$$:/d")
  case $code in
    0) well "exit code 0" ;;
    124 | 137) not_well "it took longer than $limit s" "$said" ;;
    '') not_well "it was ended before it could tell" "$said" ;;
    *) not_well "exit code $code" "$said" ;;
  esac
}

