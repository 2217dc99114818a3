# ── the way forward ──────────────────────────────────────────────────────────────────────────────────────────────────

activate() {
  if is_profile; then
    activate_profile
    return
  fi
  switch_to "$release" test "$(get activation-timeout)"
  code=$?
  if [ $code -eq 4 ] && [ "$(get allow-failed-units)" = yes ]; then
    note "units failed, which this node allows: $(failed_units | tr '\n' ' ')"
    code=0
  fi
  case $code in
    0) await_confirmation activating ;;
    4) give_up activating failed-units "units failed: $(failed_units | tr '\n' ' ')" ;;
    100) give_up activating init-changed "this system cannot take over while the host runs: deploy it with --action boot, then reboot" ;;
    *) not_activated $code switch-to-configuration ;;
  esac
}

not_activated() { # CODE PROGRAM
  case $1 in
    124) give_up activating activation-timeout "activation took longer than $(get activation-timeout) s" ;;
    125) give_up activating switch-not-started "another switch is running on this host" ;;
    126) give_up activating activation-killed "activation was killed" ;;
    *) give_up activating activation-failed "$2 exited with $1" ;;
  esac
}

# The clock starts now, however long the activation took.
await_confirmation() { # FROM
  deadline=$(($(uptime_seconds) + $(get confirmation-timeout)))
  become "$1" awaiting-confirmation
}

commit() {
  if [ "$action" = test ]; then
    :
  elif is_profile; then
    commit_profile || return
  else
    set_profile committing && set_boot_default committing || return
  fi
  finish committing committed
}

set_profile() { # FROM
  # On the disk before anything of it: what a power loss leaves must not say that nothing was touched, or that nobody has confirmed.
  put boot-touched yes && sync "$run" "$run/state" && set_system_profile "$release" ||
    { give_up "$1" profile "the system profile could not be set"; return 1; }
}

# nix waits for a garbage collection, and one that hangs would hold the run for ever.
set_system_profile() { timeout -k 5 $AT_LEAST nix-env --profile $PROFILE --set "$1" >>"$run/log" 2>&1; } # SYSTEM

set_boot_default() { # FROM
  switch_to "$release" boot $AT_LEAST
  code=$? default=$(boot_default)
  if [ $code -ne 0 ]; then
    give_up "$1" boot-step "the boot loader step exited with $code"
    return 1
  elif [ "${default:-$release}" != "$release" ]; then
    give_up "$1" boot-step "the boot loader's default is still $default"
    return 1
  fi
}

# ── a reboot on the way ──────────────────────────────────────────────────────────────────────────────────────────────

# The release is started once; only a confirmation makes it what this host boots.
reboot_into_release() {
  set_profile activating || return
  if [ "$(get rollback)" = no ]; then
    set_boot_default activating || return
    entry=
  else
    # By the recorded system's own boot step: it writes an entry for every generation, and its default stays the default.
    switch_to "$(get recorded-boot-default)" boot $AT_LEAST
    code=$? default=$(boot_default) entry=$(boot_entry "$release")
    restore_profile
    if [ $code -ne 0 ]; then
      give_up activating boot-step "the boot loader step exited with $code"
      return
    elif [ "$default" != "$(get recorded-boot-default)" ]; then
      give_up activating boot-step "the boot loader's default became $default"
      return
    elif [ -z "$entry" ]; then
      give_up activating boot-step "the boot loader got no entry for the new system"
      return
    fi
  fi
  carry_over_reboot || { give_up activating systemd "the run could not be kept over the reboot"; return; }
  become activating rebooting || return
  # From here on a reset may start the release: the run that is carried over knows what to do then.
  [ -z "$entry" ] || set_one_shot "$entry" >>"$run/log" 2>&1 ||
    { give_up rebooting boot-step "the boot loader took no entry for one boot"; return; }
  note "rebooting${entry:+ once into $entry}"
  # Whoever follows the log is told before the line dies.
  sleep 1
  reboot_now
}

reboot_now() {
  # The shutdown ends this shell at once: a trap would wait for the sleep, and the shutdown for the trap.
  trap - TERM
  sync
  systemctl reboot
  # A shutdown that hangs.
  sleep 90
  reboot -f
}

# Units of this run's own that are there after the reboot too: the run goes on, and the guard watches it.
carry_over_reboot() {
  mkdir -p "$UNITS/sysinit.target.wants" || return
  {
    early_unit "run $id goes on after the reboot"
    printf '%s\n' "OnFailure=bungee-guard-$id.service" '[Service]' Type=exec "ExecStart=/bin/sh $run/activator run $id"
  } >"$UNITS/bungee-run-$id.service" && {
    early_unit "guards run $id"
    printf '%s\n' '[Service]' "ExecStart=/bin/sh $run/activator guard $id" Restart=on-failure RestartSec=1
  } >"$UNITS/bungee-guard-$id.service" && {
    early_unit "calls the guard of run $id"
    printf '%s\n' '[Timer]' "OnBootSec=$(($(get activation-timeout) + $(get confirmation-timeout) + 60))" \
      OnUnitInactiveSec=30 AccuracySec=100ms
  } >"$UNITS/bungee-guard-$id.timer" &&
    ln -sf "../bungee-run-$id.service" "../bungee-guard-$id.timer" "$UNITS/sysinit.target.wants/" && sync
}

# A unit that is there early, and stays where the host only gets as far as an emergency shell.
early_unit() { # DESCRIPTION
  printf '%s\n' '[Unit]' "Description=bungee: $1" DefaultDependencies=no IgnoreOnIsolate=yes After=local-fs.target \
    Conflicts=shutdown.target Before=shutdown.target StartLimitIntervalSec=0
}

forget_units() {
  [ -e "$UNITS/bungee-run-$id.service" ] || [ -e "$UNITS/bungee-guard-$id.timer" ] || [ -e "$UNITS/bungee-guard-$id.service" ] || return 0
  systemctl stop "bungee-guard-$id.timer" 2>/dev/null
  rm -f "$UNITS"/bungee-*-"$id".* "$UNITS"/*.wants/bungee-*-"$id".*
  rmdir "$UNITS"/*.wants "$UNITS" 2>/dev/null
  systemctl daemon-reload
}

# The run goes on, in the boot that it asked for.
after_reboot() {
  booted=$(resolved /run/booted-system)
  if [ "$booted" != "$release" ]; then
    if [ -e "$run/rebooted" ]; then
      give_up rebooting host-reset "the host was reset while the new system came up"
    else
      give_up rebooting not-booted "the host came up with $booted, not with the new system"
    fi
    return
  fi
  put boot-id "$(boot_id)"
  : >"$run/rebooted"
  patience=$(($(uptime_seconds) + $(get activation-timeout)))
  while :; do
    case $(systemctl is-system-running) in
      running | degraded) break ;;
      maintenance) give_up rebooting emergency "the new system came up in emergency mode"; return ;;
    esac
    [ "$(uptime_seconds)" -lt $patience ] ||
      { give_up rebooting activation-timeout "the new system has not come up within $(get activation-timeout) s"; return; }
    sleep 0.2
  done
  await_confirmation rebooting
}

