#!/bin/sh
# bungee's activator: carries one run out on the host, and snaps the host back when nobody confirms.
#
#   facts | begin | follow | status | confirm | abort | stage | dry-activate      for the deployer
#   run | guard | switch-ended                                                   for this host's systemd
#
# Needs what every NixOS has: sh, coreutils, sed, util-linux, systemd, nix. Every verb for the deployer ends with one JSON line.
# Exit codes: 0 done · 64 usage · 65 refused, nothing was touched · 66 no such run · 75 another run holds the host.
#
# A run's state is the name of the one file in runs/<id>/state/. A change of state is one rename(2), which only one can win:
#
#   beginning → activating → awaiting-confirmation → confirmed → committing → committed
#      ↓             └──────────────┴── (aborting) ──────────────────┴──→ rolling-back → rolled-back | rollback-failed
#   cancelled                                                             kept (rollback was switched off)
# shellcheck disable=SC2015 # `a && b || refuse` is meant to refuse when either fails
set -u
umask 077
export LC_ALL=C

PROTOCOL=1
STATE=/var/lib/bungee
ROOTS=/nix/var/nix/gcroots/bungee
PROFILE=/nix/var/nix/profiles/system
# Seconds that the way back and the boot step have, however impatient the activation timeout is.
AT_LEAST=300
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
  code=$1 message=$2
  shift 2
  answer error="$code" message="$message" "$@"
  case $code in
    usage) exit 64 ;;
    no-such-run) exit 66 ;;
    locked) exit 75 ;;
    *) exit 65 ;;
  esac
}

# ── what this host is ────────────────────────────────────────────────────────────────────────────────────────────────

resolved() { [ ! -e "$1" ] || readlink -f "$1"; }
boot_id() { cat /proc/sys/kernel/random/boot_id; }
# Seconds since boot: the wall clock may jump, a deadline may not.
uptime_seconds() { read -r up _ </proc/uptime && echo "${up%.*}"; }

failed_units() {
  systemctl list-units --all --plain --no-legend --state=failed | while read -r unit _; do
    case $unit in bungee-* | "$SWITCH_UNIT") ;; *) printf '%s\n' "$unit" ;; esac
  done
}

# The toplevel in the first init= of boot loader configuration on standard input.
init_of() { sed -n 's|.*[[:space:]]init=\(/nix/store/[^/[:space:]]*\)/init.*|\1|p' | head -n 1; }

# What this host would boot; nothing where the boot loader is not one that is known here.
boot_default() {
  for esp in /boot /efi /boot/efi; do
    [ -r "$esp/loader/loader.conf" ] || continue
    entry=$(sed -n 's/^default[[:space:]]\{1,\}//p' "$esp/loader/loader.conf" | tail -n 1)
    for file in "$esp/loader/entries/$entry" "$esp/loader/entries/$entry.conf"; do
      [ ! -f "$file" ] || init_of <"$file"
    done
    return
  done
  if [ -r /boot/grub/grub.cfg ]; then
    init_of </boot/grub/grub.cfg
  elif [ -r /boot/extlinux/extlinux.conf ]; then
    sed -n '/^LABEL nixos-default/,/^LABEL nixos-[^d]/p' /boot/extlinux/extlinux.conf | init_of
  fi
}

triple() {
  object running="$(resolved /run/current-system)" profile="$(resolved $PROFILE)" bootDefault="$(boot_default)"
}

free_bytes() { df --output=avail -B1 "$1" | tail -n 1 | tr -d ' '; }

unit_lives() {
  case $(systemctl show --property=ActiveState --value "$1") in
    active | activating | deactivating | reloading) ;;
    *) return 1 ;;
  esac
}

# ── a run and its state ──────────────────────────────────────────────────────────────────────────────────────────────

valid_id() { case $1 in '' | -* | *[!0-9a-z-]*) return 1 ;; *) [ ${#1} -le 64 ] ;; esac }

load() { # ID
  valid_id "$1" || refuse usage "not a run id: $1"
  id=$1 run=$STATE/runs/$1
  [ -d "$run/state" ] || refuse no-such-run "no run $id on this host"
  action=$(get action) release=$(get release)
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
  while :; do
    for file in "$run"/state/*; do :; done
    # A directory read in mid-rename may show neither name.
    case $file in */\*) ;; *) break ;; esac
  done
  echo "${file##*/}"
}

become() { mv -T "$run/state/$1" "$run/state/$2" 2>/dev/null; } # FROM TO

is_final() { case $1 in committed | rolled-back | rollback-failed | kept | cancelled) ;; *) return 1 ;; esac }

# What the host is `now` is told of a run that has ended: before, it is about to change, and to look costs time.
status_line() {
  status=$(state) now=null
  if is_final "$status"; then now=$(triple); fi
  answer run="$id" state="$status" action="$action" release="$release" why="$(get why)" message="$(get message)" \
    recorded:="$(get recorded)" now:="$now"
}

# Ends a run: state first, lock last. Each step may be done again, by whoever finds it half done.
finish() { # FROM TO
  become "$1" "$2" || [ "$(state)" = "$2" ] || return
  grep -qs "\"run\":\"$id\"" "$STATE/history" ||
    object run="$id" ended="$(date -u +%FT%TZ)" began="$(get began)" action="$action" release="$release" state="$2" \
      why="$(get why)" actor="$(get actor)" >>"$STATE/history" 2>/dev/null
  rm -f "$ROOTS/$id-release" "$ROOTS/$id-running" "$ROOTS/$id-profile" "$ROOTS/$id-boot-default"
  [ "$(readlink "$STATE/current")" != "runs/$id" ] || rm -f "$STATE/current"
  systemctl stop --no-block "bungee-guard-$id.timer" 2>/dev/null
  return 0
}

# ── switching ────────────────────────────────────────────────────────────────────────────────────────────────────────

# Runs a system's own switch-to-configuration, its output in the run's log.
# Gives its exit code; 124: out of time; 125: did not run; 126: ended by a signal.
switch_to() { # SYSTEM ACTION SECONDS
  tell switch-result ''
  : >"$run/switching"
  systemd-run --quiet --collect --wait --service-type=exec --unit="$SWITCH_UNIT" \
    --setenv=LOCALE_ARCHIVE="${LOCALE_ARCHIVE-}" --setenv=NIXOS_INSTALL_BOOTLOADER= --setenv=PATH="$PATH" \
    --property=RuntimeMaxSec="$3" --property=TimeoutStopSec=5 \
    --property=ExecStopPost="/bin/sh $run/activator switch-ended $id" \
    --property=StandardOutput="append:$run/log" --property=StandardError="append:$run/log" \
    -- "$1/bin/switch-to-configuration" "$2" >>"$run/log" 2>&1
  # The new systemd may have cut off systemd-run in the middle; the unit itself goes on.
  while [ -e "$run/switching" ] && unit_lives "$SWITCH_UNIT"; do sleep 0.1; done
  rm -f "$run/switching"
  code=$(get switch-result)
  return "${code:-125}"
}

# ExecStopPost of the switch: how it ended, told by systemd, not guessed.
switch_ended() {
  case ${SERVICE_RESULT-} in
    timeout) tell switch-result 124 ;;
    *) case ${EXIT_CODE-} in exited) tell switch-result "${EXIT_STATUS-125}" ;; *) tell switch-result 126 ;; esac ;;
  esac
  rm -f "$run/switching"
}

# A switch of this run that is left over is ended; somebody else's is waited for.
end_switch() {
  [ ! -e "$run/switching" ] || systemctl stop "$SWITCH_UNIT" 2>/dev/null
  patience=$(($(uptime_seconds) + AT_LEAST))
  while unit_lives "$SWITCH_UNIT"; do
    [ "$(uptime_seconds)" -lt $patience ] || systemctl stop "$SWITCH_UNIT" 2>/dev/null
    sleep 0.2
  done
}

activate() {
  switch_to "$release" test "$(get activation-timeout)"
  code=$?
  case $code in
    0)
      deadline=$(($(uptime_seconds) + $(get confirmation-timeout)))
      become activating awaiting-confirmation
      ;;
    4) give_up activating failed-units "units failed: $(failed_units | tr '\n' ' ')" ;;
    100) give_up activating init-changed "this system cannot take over while the host runs: deploy it with --action boot, then reboot" ;;
    124) give_up activating activation-timeout "activation took longer than $(get activation-timeout) s" ;;
    125) give_up activating switch-not-started "another switch is running on this host" ;;
    126) give_up activating activation-killed "activation was killed" ;;
    *) give_up activating activation-failed "switch-to-configuration exited with $code" ;;
  esac
}

commit() {
  if [ "$action" != test ]; then
    put boot-touched yes
    nix-env --profile $PROFILE --set "$release" >>"$run/log" 2>&1 ||
      { give_up committing profile "the system profile could not be set"; return; }
    switch_to "$release" boot $AT_LEAST
    code=$? default=$(boot_default)
    if [ $code -ne 0 ]; then
      give_up committing boot-step "the boot loader step exited with $code"
      return
    elif [ "${default:-$release}" != "$release" ]; then
      give_up committing boot-step "the boot loader's default is still $default"
      return
    fi
  fi
  finish committing committed
}

# ── the way back ─────────────────────────────────────────────────────────────────────────────────────────────────────

give_up() { # FROM WHY MESSAGE
  if [ "$(get rollback)" = yes ]; then
    become "$1" rolling-back || return
    tell why "$2" && tell message "$3"
    note "$3"
    note "going back to $(basename "$(get recorded-running)")"
    roll_back
  else
    tell why "$2" && tell message "$3"
    finish "$1" kept
  fi
}

# First what runs, then what would boot: a host that cannot be reached is worse than one that boots the wrong system.
roll_back() {
  end_switch
  if [ "$action" = boot ] || reactivate; then
    if restore_boot; then finish rolling-back rolled-back; else finish rolling-back rollback-failed; fi
  else
    restore_boot
    reboot_into_recorded
  fi
}

reactivate() {
  running=$(get recorded-running)
  for _ in 1 2; do
    switch_to "$running" test $AT_LEAST
    # 4: units fail in the recorded system too; it runs all the same.
    case $? in 0 | 4) [ "$(resolved /run/current-system)" != "$running" ] || return 0 ;; esac
  done
  return 1
}

# Profile and boot entry as they were recorded, by store path. Nothing is deleted.
restore_boot() {
  [ -e "$run/boot-touched" ] || return 0
  profile=$(get recorded-profile) link=${PROFILE%/*}/$(get recorded-profile-link) default=$(get recorded-boot-default)
  if [ "$(resolved $PROFILE)" != "$profile" ]; then
    # The same generation where it is still there, so that its number means what it meant before.
    if [ "$(resolved "$link")" = "$profile" ]; then
      ln -sfn "${link##*/}" "$PROFILE-bungee" && mv -T "$PROFILE-bungee" $PROFILE
    else
      nix-env --profile $PROFILE --set "$profile" >>"$run/log" 2>&1
    fi
  fi
  # Where the boot loader cannot be read it is written again, since it may have been changed.
  if [ -z "$default" ] || [ "$(boot_default)" != "$default" ]; then
    switch_to "${default:-$profile}" boot $AT_LEAST
  fi
  [ "$(resolved $PROFILE)" = "$profile" ] && [ "$(boot_default)" = "$default" ]
}

# The boot default is still the recorded one. The run is closed by whoever asks after the reboot.
reboot_into_recorded() {
  note "the recorded system could not be activated; rebooting into it"
  sync
  systemctl reboot
  sleep 90
  reboot -f
}

arm_guard() { # SECONDS
  systemd-run --quiet --unit="bungee-guard-$id" --on-active="$1" --on-unit-inactive=30 --timer-property=AccuracySec=100ms \
    --property=Restart=on-failure --property=RestartSec=1 --property=StartLimitIntervalSec=0 \
    -- /bin/sh "$run/activator" guard "$id" 2>>"$run/log"
}

# Closes a run that nobody carries out any more. Fails while somebody does.
settle() {
  was=$(state)
  if is_final "$was"; then
    finish "$was" "$was"
  elif [ "$(get boot-id)" = "$(boot_id)" ]; then
    if unit_lives "bungee-run-$id.service" || unit_lives "bungee-guard-$id.service"; then return 1; fi
    if [ "$was" != beginning ]; then
      unit_lives "bungee-guard-$id.timer" || arm_guard 1
      return 1
    fi
    # `begin` itself, before it handed over to the unit.
    ! grep -qs "$id" "/proc/$(get pid)/cmdline" && finish beginning cancelled
  else
    settle_after_reset
  fi
}

# The host was reset in mid-run. What it booted decides; before the commit that is the recorded boot default.
settle_after_reset() {
  running=$(resolved /run/current-system) default=$(boot_default)
  if [ "$action" != test ] && [ "$running" = "$release" ] && [ "$(resolved $PROFILE)" = "$release" ] && [ "${default:-$release}" = "$release" ]; then
    finish "$was" committed
  elif [ "$running" = "$release" ] && [ "$running" != "$(get recorded-running)" ]; then
    arm_guard 1
    return 1
  else
    [ -n "$(get why)" ] || { tell why host-reset && tell message "the host was reset while the run was $was"; }
    become "$was" rolling-back
    if restore_boot; then finish rolling-back rolled-back; else finish rolling-back rollback-failed; fi
  fi
}

# ── verbs for the deployer ───────────────────────────────────────────────────────────────────────────────────────────

# Changes nothing: a dry run asks this too.
facts() {
  lock=null
  if [ -L $STATE/current ]; then
    id=$(readlink $STATE/current) id=${id#runs/} run=$STATE/runs/$id
    same_boot=false
    [ "$(get boot-id)" != "$(boot_id)" ] || same_boot=true
    lock=$(object run="$id" state="$(state)" actor="$(get actor)" since="$(get began)" sameBoot:=$same_boot)
  fi
  answer hostName="$(cat /proc/sys/kernel/hostname)" bootId="$(boot_id)" nixVersion="$(nix-store --version | sed 's/.* //')" \
    now:="$(triple)" booted="$(resolved /run/booted-system)" failedUnits:="$(failed_units | json_lines)" lock:="$lock" \
    storeFreeBytes:="$(free_bytes /nix/store)" stateFreeBytes:="$(free_bytes /var/lib)" upSeconds:="$(uptime_seconds)"
}

check_release() { # RELEASE ANY-HOST(yes|no)
  case $1 in
    /nix/store/*/* | *[!A-Za-z0-9+._?=/-]*) refuse usage "not a store path: $1" ;;
    /nix/store/????????????????????????????????-?*) ;;
    *) refuse usage "not a store path: $1" ;;
  esac
  nix-store --check-validity "$1" 2>/dev/null || refuse not-valid "$1 is not valid in this host's store"
  [ -x "$1/bin/switch-to-configuration" ] && [ -e "$1/nixos-version" ] || refuse not-nixos "$1 is not a NixOS system"
  theirs=$(cat "$1/etc/hostname" 2>/dev/null) ours=$(cat /run/current-system/etc/hostname 2>/dev/null)
  [ "$2" = yes ] || [ -z "$theirs" ] || [ -z "$ours" ] || [ "$theirs" = "$ours" ] ||
    refuse other-host "$1 is the system of $theirs, and this host is $ours"
}

whole_seconds() { # NAME VALUE
  case $2 in '' | 0* | *[!0-9]* | ???????*) refuse usage "$1 is not a number of seconds: $2" ;; esac
}

begin() { # ID ACTION RELEASE ACTIVATION-TIMEOUT CONFIRMATION-TIMEOUT ROLLBACK(yes|no) ANY-HOST(yes|no) ACTOR; token on stdin
  [ $# -eq 8 ] || refuse usage "begin takes 8 arguments, not $#"
  # Losing the connection in the middle must not leave half a beginning.
  trap '' HUP PIPE
  IFS= read -r token
  valid_id "$1" || refuse usage "not a run id: $1"
  case $2 in test | switch | boot) ;; *) refuse usage "not an action: $2" ;; esac
  whole_seconds activation-timeout "$4"
  whole_seconds confirmation-timeout "$5"
  case $6$7 in yesyes | yesno | noyes | nono) ;; *) refuse usage "rollback and any-host are yes or no: $6 $7" ;; esac
  case $token in '' | *[!0-9a-zA-Z]*) refuse usage "the token has to be letters and digits" ;; esac
  # Asked first: on a full disk nothing else gives a straight answer.
  mkdir -p $STATE/runs && install -d -m 755 $ROOTS && printf '%65536s' '' >$STATE/room && rm $STATE/room ||
    refuse state-directory "cannot write $STATE: is the disk full?"
  check_release "$3" "$7"
  [ -x /run/current-system/bin/switch-to-configuration ] || refuse not-nixos-host "this host runs no NixOS system to come back to"
  take_lock "$@"
  trap 'finish beginning cancelled' EXIT
  if unit_lives $SWITCH_UNIT; then refuse switching "another switch (a nixos-rebuild?) is under way on this host"; fi
  for name in release running profile boot-default; do
    path=$(get "recorded-$name")
    [ -z "$path" ] || ln -sfn "$path" "$ROOTS/$id-$name" || refuse state-directory "cannot write $ROOTS"
  done
  arm_guard $(($4 + $5 + 60)) || refuse systemd "systemd would not arm the guard: $(cat "$run/log")"
  systemd-run --quiet --collect --service-type=exec --unit="bungee-run-$id" --property=OnFailure="bungee-guard-$id.service" \
    -- /bin/sh "$run/activator" run "$id" 2>>"$run/log" || refuse systemd "systemd would not start the run: $(cat "$run/log")"
  trap - EXIT
  status_line
}

# Fills the run's directory, then takes the host's one lock: the whole run is there, or none of it.
take_lock() {
  if [ -L $STATE/current ]; then
    load "$(basename "$(readlink $STATE/current)")"
    settle || refuse locked "$(get actor) holds this host: $action, run $id, since $(get began)" run="$id" actor="$(get actor)" since="$(get began)" state="$(state)"
  fi
  # shellcheck disable=SC2012 # run ids have no spaces
  ls -1t $STATE/runs | tail -n +21 | while read -r old; do rm -rf "$STATE/runs/$old"; done
  id=$1 action=$2 release=$3 run=$STATE/runs/$1
  mkdir "$run" "$run/state" 2>/dev/null || refuse state-directory "cannot write $run, or it was used before"
  put pid $$ && put action "$2" && put release "$3" && put activation-timeout "$4" && put confirmation-timeout "$5" &&
    put rollback "$6" && put actor "$8" && put token "$token" && put boot-id "$(boot_id)" && put began "$(date -u +%FT%TZ)" &&
    put recorded "$(triple)" && put recorded-release "$3" && put recorded-running "$(resolved /run/current-system)" &&
    put recorded-profile "$(resolved $PROFILE)" && put recorded-profile-link "$(readlink $PROFILE)" &&
    put recorded-boot-default "$(boot_default)" && failed_units >"$run/recorded-failed-units" && : >"$run/log" && printf '%1000s\n' '' | tee "$run/why" "$run/message" >"$run/switch-result" &&
    save_activator >"$run/activator" && : >"$run/state/beginning" ||
    { rm -rf "$run"; refuse state-directory "cannot write $run: is the disk full?"; }
  ln -sT "runs/$id" $STATE/current 2>/dev/null ||
    { rm -rf "$run"; refuse locked "another run took this host just now"; }
}

# The run is carried out by the very script that began it, whatever is installed meanwhile.
save_activator() { if [ -n "${BUNGEE_ACTIVATOR-}" ]; then printf '%s\n' "$BUNGEE_ACTIVATOR"; else cat "$0"; fi; }

# The log from a byte offset on, in frames (`log N`, then N bytes), until the state is another than STATE.
follow() { # ID OFFSET STATE
  load "$1"
  offset=$2 idle=0
  case $offset in '' | *[!0-9]*) refuse usage "not an offset: $offset" ;; esac
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
  IFS= read -r token
  [ "$token" = "$(get token)" ] || refuse token "this is not the token of run $id"
  case $(state) in
    awaiting-confirmation) ;;
    confirmed | committing | committed) status_line; return ;;
    beginning | activating) refuse not-yet "run $id has not finished its activation" ;;
    *) refuse too-late "run $id is $(state)" ;;
  esac
  running=$(resolved /run/current-system)
  [ "$running" = "$release" ] || refuse not-running "the host runs $running, not the release"
  broken=$(failed_units | grep -vxF -f "$run/recorded-failed-units")
  [ -z "$broken" ] || refuse failed-units "units fail that did not fail before: $(echo "$broken" | tr '\n' ' ')"
  become awaiting-confirmation confirmed || refuse too-late "run $id is $(state)"
  status_line
}

abort() { # ID; token on stdin
  load "$1"
  IFS= read -r token
  [ "$token" = "$(get token)" ] || refuse token "this is not the token of run $id"
  if become awaiting-confirmation aborting; then :; elif become activating aborting; then end_switch; fi
  status_line
}

stage() { # RELEASE ANY-HOST(yes|no)
  check_release "$1" "$2"
  install -d -m 755 $ROOTS && ln -sfn "$1" $ROOTS/staged || refuse state-directory "cannot write $ROOTS"
  answer release="$1"
}

# There is no command in here that changes the host.
dry_activate() { # RELEASE ANY-HOST(yes|no)
  check_release "$1" "$2"
  "$1/bin/switch-to-configuration" dry-activate 2>&1
  code=$?
  echo
  answer release="$1" exitCode:=$code
}

# ── verbs for systemd ────────────────────────────────────────────────────────────────────────────────────────────────

run() { # ID
  load "$1"
  # A stop from outside counts as a failure, so that systemd calls the guard.
  trap 'exit 1' TERM
  if [ "$action" = boot ]; then
    become beginning committing && commit
  elif become beginning activating; then
    activate
  fi
  while :; do
    case $(state) in
      awaiting-confirmation)
        if [ "$(uptime_seconds)" -gt "$deadline" ]; then
          give_up awaiting-confirmation unconfirmed "nobody confirmed within $(get confirmation-timeout) s after the activation"
        fi
        sleep 0.1
        ;;
      confirmed) become confirmed committing && commit ;;
      aborting) give_up aborting aborted "the deployer called it off" ;;
      *) return ;;
    esac
  done
}

# Called by systemd when the run's unit died, or when its time is long over.
guard() { # ID
  load "$1"
  was=$(state)
  if unit_lives "bungee-run-$id.service"; then
    # A commit and a way back end by themselves, and are safe nowhere but at their end.
    case $was in confirmed | committing | rolling-back) exit 0 ;; esac
    systemctl kill --kill-whom=all --signal=KILL "bungee-run-$id.service"
  fi
  case $was in
    beginning) finish beginning cancelled ;;
    confirmed | committing)
      become confirmed committing
      end_switch
      commit
      ;;
    rolling-back) roll_back ;;
    activating | awaiting-confirmation | aborting) give_up "$was" killed "the run was killed on the host" ;;
    *) finish "$was" "$was" ;;
  esac
  is_final "$(state)"
}

verb=${1-}
[ $# -eq 0 ] || shift
case $verb in
  facts | begin | follow | status | confirm | abort | stage | run | guard) "$verb" "$@" ;;
  dry-activate) dry_activate "$@" ;;
  switch-ended) load "$1" && switch_ended ;;
  *) refuse usage "no such verb: $verb" ;;
esac
