# ── verbs for systemd ────────────────────────────────────────────────────────────────────────────────────────────────

start_run() {
  systemd-run --quiet --collect --service-type=exec --unit="bungee-run-$id" --property=OnFailure="bungee-guard-$id.service" \
    -- /bin/sh "$run/activator" run "$id" 2>>"$run/log"
}

run() { # ID
  load "$1"
  # A stop from outside counts as a failure, so that systemd calls the guard.
  trap 'exit 1' TERM
  was=$(state)
  if [ "$was" = rebooting ]; then
    after_reboot
  elif [ "$(get boot-id)" != "$(boot_id)" ]; then
    settle_after_reset
  elif [ "$(get reboot)" = yes ]; then
    become beginning activating && reboot_into_release
  elif [ "$action" = boot ]; then
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
      aborting) give_up aborting "$(get abort)" "$(get abort-message)" ;;
      *) return ;;
    esac
  done
}

# Called by systemd when the run's unit died, or when its time is long over.
guard() { # ID
  load "$1"
  was=$(state)
  if is_profile && [ "$(get boot-id)" != "$(boot_id)" ]; then
    profile_after_reset
    is_final "$(state)"
    return
  fi
  if unit_lives "bungee-run-$id.service"; then
    # A commit and a way back end by themselves, and are safe nowhere but at their end.
    case $was in confirmed | committing | rolling-back) exit 0 ;; esac
    systemctl kill --signal=KILL "bungee-run-$id.service"
  fi
  case $was in
    beginning) finish beginning cancelled ;;
    confirmed | committing)
      become confirmed committing
      end_switch
      commit
      ;;
    rolling-back) guard_the_way_back ;;
    rebooting) guard_the_reboot ;;
    activating | awaiting-confirmation | aborting) give_up "$was" killed "the run was killed on the host" ;;
    *) finish "$was" "$was" ;;
  esac
  is_final "$(state)"
}

guard_the_way_back() {
  if [ "$(get boot-id)" = "$(boot_id)" ] || [ "$(resolved /run/current-system)" = "$release" ]; then
    # Killed after it had turned back, and before it said why.
    [ -n "$(get why)" ] || { tell why killed && tell message "the run was killed on the host"; }
    roll_back
  else
    settle_after_reset
  fi
}

guard_the_reboot() {
  if [ "$(get boot-id)" = "$(boot_id)" ]; then
    reboot_now
  elif [ "$(resolved /run/booted-system)" = "$release" ]; then
    : >"$run/rebooted"
    give_up rebooting unconfirmed "the new system did not come up as far as to be confirmed"
  else
    after_reboot
  fi
}

