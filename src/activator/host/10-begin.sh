# ── beginning a run ──────────────────────────────────────────────────────────────────────────────────────────────────

# What a run may be told, each as KEY=VALUE. What is left out is what protects the host most.
read_settings() {
  new_action='' new_release='' activation_timeout=240 confirmation_timeout=30 rollback=yes any_host=no
  allow_failed_units=no require_signature=no reboot=no may_reboot=no actor=unknown
  for setting; do
    value=${setting#*=}
    case $setting in
      action=*) new_action=$value ;;
      release=*) new_release=$value ;;
      activation-timeout=*) activation_timeout=$value ;;
      confirmation-timeout=*) confirmation_timeout=$value ;;
      rollback=*) rollback=$value ;;
      any-host=*) any_host=$value ;;
      allow-failed-units=*) allow_failed_units=$value ;;
      require-signature=*) require_signature=$value ;;
      reboot=*) reboot=$value ;;
      may-reboot=*) may_reboot=$value ;;
      actor=*) actor=$value ;;
      profile=* | profile-user=* | profile-path=*) profile_word "$setting" ;;
      *) refuse usage "begin does not know $setting" ;;
    esac
  done
  # Whoever has a deploy user's key may call themselves anything.
  [ "$restricted" = no ] || actor="$actor (deploy user)"
  case $new_action in test | switch | boot) ;; *) refuse usage "not an action: $new_action" ;; esac
  case $reboot in yes | auto | no) ;; *) refuse usage "reboot is yes, auto or no: $reboot" ;; esac
  case $new_action-$reboot in test-yes | test-auto) refuse usage "a reboot would undo a test" ;; esac
  whole_seconds activation-timeout "$activation_timeout"
  whole_seconds confirmation-timeout "$confirmation_timeout"
  yes_no rollback "$rollback"
  yes_no any-host "$any_host"
  yes_no allow-failed-units "$allow_failed_units"
  yes_no require-signature "$require_signature"
  yes_no may-reboot "$may_reboot"
  check_profile
  is_profile || return 0
  case $new_action-$reboot in
    boot-* | *-yes) refuse no-boot "profile $profile_name is not the system: it has no boot" ;;
  esac
  reboot=no
}

whole_seconds() { # NAME VALUE
  case $2 in '' | 0* | *[!0-9]* | ??????*) refuse usage "$1 is not a number of seconds: $2" ;; esac
}

yes_no() { # NAME VALUE
  case $2 in yes | no) ;; *) refuse usage "$1 is yes or no: $2" ;; esac
}

begin() { # ID KEY=VALUE …; the token on standard input
  # Losing the connection in the middle must not leave half a beginning.
  trap '' HUP PIPE
  listen
  token=$(input_line 1)
  case $token in '' | *[!0-9a-zA-Z]*) refuse usage "the token has to be letters and digits" ;; esac
  valid_id "${1-}" || refuse usage "not a run id: ${1-}"
  new_id=$1
  shift
  read_settings "$@"
  # Asked first: on a full disk nothing else gives a straight answer.
  has_room || refuse state-directory "cannot write $STATE: is the disk full?"
  check_release "$new_release" "$any_host" "$require_signature"
  is_profile || [ -x /run/current-system/bin/switch-to-configuration ] ||
    refuse not-nixos-host "this host runs no NixOS system to come back to"
  decide_on_reboot
  take_lock
  trap 'finish beginning cancelled' EXIT
  if unit_lives $SWITCH_UNIT; then refuse switching "another switch (a nixos-rebuild?) is under way on this host"; fi
  for name in release running profile boot-default; do
    path=$(get "recorded-$name")
    [ -z "$path" ] || ln -sfn "$path" "$ROOTS/$id-$name" || refuse state-directory "cannot write $ROOTS"
  done
  is_kept "$release" || refuse not-valid "$release was collected as garbage just now"
  arm_guard $((activation_timeout + confirmation_timeout + 60)) || refuse systemd "systemd would not arm the guard: $(cat "$run/log")"
  ! is_profile || keep_way_back
  start_run || refuse systemd "systemd would not start the run: $(cat "$run/log")"
  trap - EXIT
  status_line
}

# Looked up, not tried out: a reset in the middle would leave the trial behind.
has_room() { mkdir -p $STATE/runs && install -d -m 755 $ROOTS && [ "$(free_bytes $STATE)" -ge 65536 ]; }

# `auto` becomes yes or no; yes makes a switch a boot. What cannot lead back is refused.
decide_on_reboot() {
  if [ "$reboot" = auto ]; then
    reboot=no
    ! kernel_changed "$new_release" || [ "$may_reboot" = no ] || reboot=yes
  fi
  [ "$reboot" = yes ] || return 0
  [ "$may_reboot" = yes ] || refuse may-not-reboot "this host may not be rebooted"
  new_action=boot
  [ "$rollback" = yes ] || return 0
  has_one_shot && [ -n "$(boot_default)" ] ||
    refuse no-one-shot "this host's boot loader cannot start a system once: unconfirmed, it could not go back"
  [ "$(stat --file-system --format=%T $STATE)" != tmpfs ] ||
    refuse state-directory "$STATE does not outlive a reboot on this host"
}

# Fills the run's directory, then takes the host's one lock: the whole run is there, or none of it.
take_lock() {
  drop_lock_of_nobody
  if [ -L $STATE/current ]; then
    (
      load "$(basename "$(readlink $STATE/current)")"
      settle || refuse locked "$(get actor) holds this host: $action, run $id, since $(get began)" run="$id" actor="$(get actor)" since="$(get began)" state="$(state)"
    ) || exit
  fi
  sweep_half_runs
  # shellcheck disable=SC2012 # run ids have no spaces
  ls -1t $STATE/runs | tail -n +21 | while read -r old; do rm -rf "$STATE/runs/$old"; done
  id=$new_id action=$new_action release=$new_release run=$STATE/runs/.$new_id
  [ ! -e "$STATE/runs/$id" ] && mkdir "$run" "$run/state" 2>/dev/null ||
    refuse state-directory "cannot write $STATE/runs/$id, or it was used before"
  # Under a name that nobody asks for, until it is whole.
  # And on the disk: else a power loss would leave the names of its files, and nothing in them.
  record && sync "$run" "$run"/* && mv -T "$run" "$STATE/runs/$id" || { rm -rf "$run"; refuse state-directory "cannot write $run: is the disk full?"; }
  run=$STATE/runs/$id
  ln -sT "runs/$id" $STATE/current 2>/dev/null ||
    { rm -rf "$run"; refuse locked "another run took this host just now"; }
}

# Of a run that was taken away by hand, or that a disk has lost, nobody can ever say that it ended.
drop_lock_of_nobody() {
  lost=$(readlink $STATE/current) && lost=${lost##*/} || return 0
  # `state` looks more than once: in mid-rename a run that lives may seem to have none.
  [ "$(run=$STATE/runs/$lost state)" = '*' ] || return 0
  rm -rf "$STATE/runs/${lost:?}" "$ROOTS/$lost-release" "$ROOTS/$lost-running" "$ROOTS/$lost-profile" "$ROOTS/$lost-boot-default"
  rm -f $STATE/current
}

# What a reset in the middle of a beginning has left: it never had the lock.
sweep_half_runs() {
  for half in "$STATE"/runs/.[!.]* "$STATE"/runs/*/state/beginning; do
    half=${half%/state/beginning} name=${half##*/}
    [ -d "$half" ] && ! grep -qs "${name#.}" "/proc/$(cat "$half/pid" 2>/dev/null)/cmdline" || continue
    [ "$(readlink $STATE/current)" = "runs/$name" ] || rm -rf "$half"
  done
}

# Everything that the run and its way back need to know.
record() {
  put pid $$ && put token "$token" && put actor "$actor" && put restricted "$restricted" && put began "$(date -u +%FT%TZ)" && put boot-id "$(boot_id)" &&
    put action "$action" && put release "$release" && put rollback "$rollback" &&
    put activation-timeout "$activation_timeout" && put confirmation-timeout "$confirmation_timeout" &&
    put allow-failed-units "$allow_failed_units" && put reboot "$reboot" && put may-reboot "$may_reboot" &&
    put recorded "$(triple)" && put recorded-release "$release" && put recorded-running "$(resolved /run/current-system)" &&
    put recorded-profile "$(resolved $PROFILE)" && put recorded-profile-link "$(readlink $PROFILE)" &&
    put recorded-boot-default "$(boot_default)" && failed_units >"$run/recorded-failed-units" &&
    { ! is_profile || record_profile; } &&
    : >"$run/log" && reserve why message switch-result abort abort-message room-for-history &&
    save_activator >"$run/activator" && : >"$run/state/beginning"
}

# Room for what has to be written when the disk is full.
reserve() { for name; do printf '%1000s\n' '' >"$run/$name" || return; done; }

# The run is carried out by the very script that began it, whatever is installed meanwhile.
save_activator() { if [ -n "${BUNGEE_ACTIVATOR-}" ]; then printf '%s\n' "$BUNGEE_ACTIVATOR"; else cat "$0"; fi; }

