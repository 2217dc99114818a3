# ── switching ────────────────────────────────────────────────────────────────────────────────────────────────────────

# Runs a system's own switch-to-configuration, its output in the run's log.
# Gives its exit code; 124: out of time; 125: did not run; 126: ended by a signal.
switch_to() { # SYSTEM ACTION SECONDS
  in_switch_unit "$3" --setenv=LOCALE_ARCHIVE="${LOCALE_ARCHIVE-}" --setenv=NIXOS_INSTALL_BOOTLOADER= \
    -- "$1/bin/switch-to-configuration" "$2"
}

in_switch_unit() { # SECONDS WORD-FOR-SYSTEMD-RUN …
  tell switch-result ''
  ours=$(our_switch)
  : >"$ours"
  seconds=$1
  shift
  systemd-run --quiet --collect --wait --service-type=exec --unit="$SWITCH_UNIT" --setenv=PATH="$PATH" \
    --property=RuntimeMaxSec="$seconds" --property=TimeoutStopSec=5 \
    --property=ExecStopPost="/bin/sh $run/activator switch-ended $id" \
    --property=StandardOutput="append:$run/log" --property=StandardError="append:$run/log" "$@" >>"$run/log" 2>&1
  # The new systemd may have cut off systemd-run in the middle; the unit itself goes on.
  while [ -e "$ours" ] && unit_lives "$SWITCH_UNIT"; do sleep 0.1; done
  rm -f "$ours"
  code=$(get switch-result)
  return "${code:-125}"
}

# ExecStopPost of the switch: how it ended, told by systemd, not guessed.
switch_ended() {
  case ${SERVICE_RESULT-} in
    timeout) tell switch-result 124 ;;
    *) case ${EXIT_CODE-} in exited) tell switch-result "${EXIT_STATUS-125}" ;; *) tell switch-result 126 ;; esac ;;
  esac
  rm -f "$(our_switch)"
}

# There while a switch of this run is under way. One that a reset has ended says nothing of the boot after it.
our_switch() { echo "$run/switching-$(boot_id)"; }

# A switch of this run that is left over is ended; somebody else's is waited for.
end_switch() {
  [ ! -e "$(our_switch)" ] || systemctl stop "$SWITCH_UNIT" 2>/dev/null
  patience=$(($(uptime_seconds) + AT_LEAST))
  while unit_lives "$SWITCH_UNIT"; do
    [ "$(uptime_seconds)" -lt $patience ] || systemctl stop "$SWITCH_UNIT" 2>/dev/null
    sleep 0.2
  done
}

