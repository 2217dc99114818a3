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

# Of a profile besides the system: what its link leads to. There is nothing else of it that could be looked up.
triple() {
  if [ -n "$profile_link" ]; then
    target=$(profile_target)
    object running="$target" profile="$target" bootDefault=
  else
    object running="$(resolved /run/current-system)" profile="$(resolved $PROFILE)" bootDefault="$(boot_default)"
  fi
}

free_bytes() { df --output=avail -B1 "$1" | tail -n 1 | tr -d ' '; }

# A garbage collection that is under way does not look for new roots: nix tells it of the path, and waits until it has heard.
is_kept() { nix-store --realise --option substitute false "$1" >/dev/null 2>&1; } # PATH

# While systemd starts itself anew, as the switch to another one makes it do, it hears nobody: that says nothing of the unit.
unit_lives() {
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    active=$(systemctl show --property=ActiveState --value "$1" 2>/dev/null) && break
    sleep 0.5
  done
  case $active in
    active | activating | deactivating | reloading) ;;
    *) return 1 ;;
  esac
}

