# ── the way back ─────────────────────────────────────────────────────────────────────────────────────────────────────

give_up() { # FROM WHY MESSAGE
  if [ "$(get rollback)" = yes ]; then
    become "$1" rolling-back || return
    tell why "$2" && tell message "$3"
    note "$3"
    [ -z "$(get recorded-running)" ] || note "going back to $(basename "$(get recorded-running)")"
    roll_back
  else
    tell why "$2" && tell message "$3"
    finish "$1" kept
  fi
}

# First what runs, then what would boot: a host that cannot be reached is worse than one that boots the wrong system.
roll_back() {
  end_switch
  if is_profile; then
    if profile_back; then finish rolling-back rolled-back; else finish rolling-back rollback-failed; fi
  elif [ -e "$run/rebooted" ] && [ "$(resolved /run/booted-system)" = "$release" ]; then
    # Another kernel runs: only a boot leads back.
    if restore_boot; then reboot_into_recorded; else finish rolling-back rollback-failed; fi
  elif [ "$action" = boot ] || reactivate; then
    if restore_boot; then finish rolling-back rolled-back; else finish rolling-back rollback-failed; fi
  else
    restore_boot
    note "the recorded system could not be activated"
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

# The same generation where it is still there, so that its number means what it meant before.
restore_profile() {
  profile=$(get recorded-profile) link=${PROFILE%/*}/$(get recorded-profile-link)
  [ "$(resolved $PROFILE)" != "$profile" ] || return 0
  if [ "$(resolved "$link")" = "$profile" ]; then
    ln -sfn "${link##*/}" "$PROFILE-bungee" && mv -T "$PROFILE-bungee" $PROFILE
  else
    set_system_profile "$profile"
  fi
}

# Whatever is in the way may pass, as a full disk does: until then the host would boot what nobody has confirmed.
restore_boot() {
  [ -e "$run/boot-touched" ] || boot_is_ahead || return 0
  last_try=$(($(uptime_seconds) + RESTORE_FOR))
  until put_boot_back; do
    [ "$(uptime_seconds)" -lt $last_try ] || return
    sleep 2
  done
}

# Profile and boot entry as they were recorded, by store path. Nothing is deleted.
put_boot_back() {
  [ "$(get reboot)" = no ] || clear_one_shot >>"$run/log" 2>&1
  restore_profile
  profile=$(get recorded-profile) default=$(get recorded-boot-default)
  # Where the boot loader cannot be read it is written again, since it may have been changed.
  if [ -z "$default" ] || [ "$(boot_default)" != "$default" ]; then
    switch_to "${default:-$profile}" boot $AT_LEAST
  fi
  [ "$(resolved $PROFILE)" = "$profile" ] && [ "$(boot_default)" = "$default" ]
}

# The boot loader's files may be on another file system than ours: a power loss can leave it further than anything that we wrote down.
boot_is_ahead() {
  [ "$(get boot-id)" != "$(boot_id)" ] && [ "$(boot_default)" = "$release" ] && [ "$(get recorded-boot-default)" != "$release" ]
}

# The boot default is the recorded one. The run is closed in the next boot.
reboot_into_recorded() {
  if [ "$(get may-reboot)" = no ]; then
    tell message "$(get message); the way back needs a reboot, which this host is not allowed"
  elif [ -e "$run/rebooting-back" ]; then
    tell message "$(get message); rebooting did not lead back"
  else
    : >"$run/rebooting-back"
    carry_over_reboot
    note "rebooting into the recorded system"
    reboot_now
  fi
  finish rolling-back rollback-failed
}

arm_guard() { # SECONDS
  # One that was carried over a reboot is there already.
  [ ! -e "$UNITS/bungee-guard-$id.service" ] || { systemctl start --no-block "bungee-guard-$id.service"; return; }
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
  elif [ "$was" = rebooting ]; then
    # Its unit is started by the boot; where that got lost, now.
    unit_lives "bungee-run-$id.service" || systemctl start --no-block "bungee-run-$id.service" 2>/dev/null || start_run
    return 1
  else
    settle_after_reset
  fi
}

# The host was reset in mid-run. What it booted decides; before the commit that is the recorded boot default.
settle_after_reset() {
  if is_profile; then
    # The guard does it, once the host is up; where its unit got lost, now.
    unit_lives "bungee-guard-$id.service" || arm_guard 1
    return 1
  fi
  running=$(resolved /run/current-system) default=$(boot_default)
  if is_committed "$was"; then
    finish "$was" committed
  elif [ "$running" = "$release" ] && [ "$running" != "$(get recorded-running)" ]; then
    arm_guard 1
    return 1
  else
    [ -n "$(get why)" ] || { tell why host-reset && tell message "the host was reset while the run was $was"; }
    # Of two that ask at once, one; else the other would come too late, and undo the next run.
    [ "$was" = rolling-back ] || become "$was" rolling-back || return
    if restore_boot; then finish rolling-back rolled-back; else finish rolling-back rollback-failed; fi
  fi
}

# A commit that the reset came too late to stop.
is_committed() { # STATE
  case $1 in confirmed | committing) ;; *) return 1 ;; esac
  [ "$action" != test ] && [ "$running" = "$release" ] && [ "$(resolved $PROFILE)" = "$release" ] &&
    [ "${default:-$release}" = "$release" ]
}

