# ── profiles besides the system ──────────────────────────────────────────────────────────────────────────────────────

# As deploy-rs has them: what is deployed holds a program, which the profile's user runs. The profile's link is set once the release is
# confirmed, and not before: until then it leads to what was there, and the way back is to activate that again, by its own program.
# Never `nix-env --rollback`, which leads to whatever has a lower number.
ACTIVATION=deploy-rs-activate
# All empty: it is about the host's system.
profile_name='' profile_user='' profile_link='' profile_asked=no

is_profile() { [ -n "$profile_link" ]; }

# The store path that the link leads to; nothing where it leads nowhere, or out of the store.
profile_target() {
  case $(resolved "$profile_link") in
    /nix/store/*) resolved "$profile_link" ;;
  esac
}

# ── which profile ────────────────────────────────────────────────────────────────────────────────────────────────────

# profile=NAME profile-user=USER [profile-path=LINK]; without a link it is where nix keeps that user's profiles.
profile_word() { # WORD
  profile_asked=yes
  case $1 in
    profile=*) profile_name=${1#*=} ;;
    profile-user=*) profile_user=${1#*=} ;;
    profile-path=*) profile_link=${1#*=} ;;
    *) refuse usage "not a word about a profile: $1" ;;
  esac
}

profile_words() { # HOW-MANY-TO-LEAVE-OUT WORD …
  shift $(($1 + 1))
  for word; do profile_word "$word"; done
  check_profile
}

check_profile() {
  [ "$profile_asked" = yes ] || return 0
  # It would let them run a program of their own as any user, where a system is at least known to be this host's.
  [ "$restricted" = no ] || refuse restricted "a deploy user may only deploy this host's system"
  case $profile_name in '' | [!A-Za-z0-9_]* | *[!A-Za-z0-9._-]*) refuse usage "not the name of a profile: $profile_name" ;; esac
  [ ${#profile_name} -le 64 ] || refuse usage "not the name of a profile: $profile_name"
  case $profile_user in '' | [!A-Za-z_]* | *[!A-Za-z0-9._-]*) refuse usage "not the name of a user: $profile_user" ;; esac
  [ ${#profile_user} -le 64 ] && id -u -- "$profile_user" >/dev/null 2>&1 || refuse no-such-user "this host has no user $profile_user"
  [ -n "$profile_link" ] || profile_link=$(usual_link)
  case $profile_link in
    *[!A-Za-z0-9+._=/@-]* | *//* | */./* | */../* | */. | */.. | */) refuse usage "not the path of a profile: $profile_link" ;;
    /*/*) ;;
    *) refuse usage "not the path of a profile: $profile_link" ;;
  esac
  [ ${#profile_link} -le 512 ] || refuse usage "not the path of a profile: $profile_link"
  case $(readlink -m "${profile_link%/*}")/ in
    /nix/store/*) refuse usage "not the path of a profile, but of the store: $profile_link" ;;
  esac
  if [ -L "$profile_link" ]; then
    [ ! -e "$profile_link" ] || [ -n "$(profile_target)" ] || refuse not-a-profile "$profile_link leads to what is not in the store: it is no profile"
  elif [ -e "$profile_link" ]; then
    refuse not-a-profile "$profile_link is no link, so it is no profile"
  fi
}

# Where nix keeps a user's profiles: by name for root, else the old place where that is there, else the user's own state.
usual_link() {
  case $profile_user/$profile_name in
    root/system) echo "$PROFILE"; return ;;
    root/*) echo "${PROFILE%/*}/per-user/root/$profile_name"; return ;;
  esac
  # As a session of theirs would have it.
  # shellcheck disable=SC2016 # for the inner shell
  state_home=$(env -u XDG_STATE_HOME runuser -u "$profile_user" -- /bin/sh -c 'printf %s "${XDG_STATE_HOME-}"' </dev/null 2>/dev/null)
  case $state_home in /*) ;; *) state_home=$(home_of_user)/.local/state ;; esac
  old=${PROFILE%/*}/per-user/$profile_user/$profile_name new=$state_home/nix/profiles/$profile_name
  # An older nix makes the old place whenever a user first asks it for anything: a profile that stands in the new one stays there.
  if [ -e "${old%/*}" ] && { [ -L "$old" ] || [ ! -L "$new" ]; }; then echo "$old"; else echo "$new"; fi
}

home_of_user() { getent passwd "$profile_user" | cut -d: -f6; }

check_is_no_system() { # RELEASE
  [ -x "$1/$ACTIVATION" ] || refuse not-activatable "$1 has no program $ACTIVATION"
  [ -z "$(system_in "$1")" ] || refuse not-activatable "$1 is a NixOS system: it is deployed as one"
}

# The system that is wrapped as deploy-rs does it, in a folder of links with a program beside them. A label is a file of the system's own.
system_in() { # RELEASE
  system=$(readlink -e "$1/nixos-version") system=${system%/*}
  case $system in
    /nix/store/*/*) ;;
    /nix/store/*) [ ! -x "$system/bin/switch-to-configuration" ] || printf '%s\n' "$system" ;;
  esac
}

# Tells a deployer what was built on this host, where it cannot look for itself: what is to be deployed, and as what.
unwrap() { # RELEASE
  check_store_path "$1"
  nix-store --check-validity "$1" 2>/dev/null || refuse not-valid "$1 is not valid in this host's store"
  system='' profile=false
  if [ -x "$1/$ACTIVATION" ]; then
    system=$(system_in "$1")
    [ -n "$system" ] || profile=true
  fi
  answer release="${system:-$1}" profile:=$profile
}

# ── forward ──────────────────────────────────────────────────────────────────────────────────────────────────────────

record_profile() {
  put profile "$profile_name" && put profile-user "$profile_user" && put profile-link "$profile_link" &&
    put recorded-running "$(profile_target)" && put recorded-profile "$(profile_target)" && put recorded-boot-default '' &&
    : >"$run/untouched"
}

# As switch_to, for a program of the user's. Not by User=, since how it ended is root's to write down: systemd 252 forgets a command that
# says so with a + when it reads its units anew, as the program may have it do.
as_user() { # SECONDS RELEASE COMMAND …
  limit=$1 of=$2
  shift 2
  in_switch_unit "$limit" --property=WorkingDirectory="$of" \
    --setenv=PATH="$(path_of_user)" --setenv=HOME="$(home_of_user)" --setenv=USER="$profile_user" --setenv=LOGNAME="$profile_user" \
    --setenv=SHELL="$(getent passwd "$profile_user" | cut -d: -f7)" --setenv=PROFILE="$of" --setenv=DRY_ACTIVATE=0 --setenv=BOOT=0 \
    -- setpriv --reuid="$profile_user" --regid="$(id -g "$profile_user")" --init-groups -- "$@"
}

path_of_user() { printf '%s' "$(home_of_user)/.nix-profile/bin:/etc/profiles/per-user/$profile_user/bin:$PATH"; }

activate_profile() {
  # On the disk before it begins: what a reset finds must not say that nothing was touched.
  rm -f "$run/untouched" && sync "$run" "$run/state"
  as_user "$(get activation-timeout)" "$release" "$release/$ACTIVATION"
  code=$?
  if [ $code -eq 0 ]; then await_confirmation activating; else not_activated $code $ACTIVATION; fi
}

commit_profile() {
  set_link "$release" ||
    { give_up committing profile "profile $profile_name could not be set: $profile_link leads to ${target:-nothing}"; return 1; }
}

set_link() { # RELEASE
  # shellcheck disable=SC2016 # for the inner shell
  as_user $AT_LEAST "$1" /bin/sh -c 'mkdir -p "$1" && exec nix-env --profile "$2" --set "$3"' bungee "${profile_link%/*}" "$profile_link" "$1"
  target=$(profile_target)
  [ "$target" = "$1" ]
}

# There is no command in here that changes the host; that the program keeps to it is its own promise.
preview_profile() { # RELEASE
  (cd "$1" && umask 022 && env -i PATH="$(path_of_user)" HOME="$(home_of_user)" USER="$profile_user" LOGNAME="$profile_user" SHELL=/bin/sh \
    PROFILE="$1" DRY_ACTIVATE=1 BOOT=0 setpriv --reuid="$profile_user" --regid="$(id -g "$profile_user")" --init-groups -- "$1/$ACTIVATION") </dev/null 2>&1
}

# ── back ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

# Fails where what was there cannot be activated again, and says what is left.
profile_back() {
  [ ! -e "$run/untouched" ] || return 0
  before=$(get recorded-profile) is_back=yes
  if [ -z "$before" ]; then
    left "there was no profile $profile_name before, so nothing undoes what the activation did"
  elif [ ! -x "$before/$ACTIVATION" ]; then
    left "what profile $profile_name was before, $before, has no program $ACTIVATION to go back with"
  else
    as_user $AT_LEAST "$before" "$before/$ACTIVATION" || as_user $AT_LEAST "$before" "$before/$ACTIVATION" ||
      left "the activation of what profile $profile_name was before exited with $?"
  fi || is_back=no
  # Only a commit that failed half way, or the release itself, can have set it.
  target=$(profile_target)
  [ "$target" = "$before" ] || { [ -n "$before" ] && set_link "$before"; } ||
    left "its link leads to ${target:-nothing}, and led to ${before:-nothing}" || is_back=no
  [ $is_back = yes ]
}

left() { # MESSAGE
  tell message "$(get message); $1"
  note "$1"
  return 1
}

# A system that nobody has confirmed is gone after a reset; what a profile's activation has done is still there. So the guard is a unit
# that the next boot starts too. Where /etc cannot be written it comes with the next question about the run.
keep_way_back() {
  mkdir -p "$UNITS/multi-user.target.wants" && {
    printf '%s\n' '[Unit]' "Description=bungee: guards run $id" After=multi-user.target StartLimitIntervalSec=0 \
      '[Service]' Type=exec "ExecStart=/bin/sh $run/activator guard $id" Restart=on-failure RestartSec=1
  } >"$UNITS/bungee-guard-$id.service" && ln -sf "../bungee-guard-$id.service" "$UNITS/multi-user.target.wants/" && sync ||
    note "this run cannot be carried over a reset of the host"
} 2>/dev/null

# The guard, in the boot that the reset made.
profile_after_reset() {
  case $was in
    beginning) finish beginning cancelled ;;
    confirmed | committing)
      if [ "$action" != test ] && [ "$(profile_target)" = "$release" ]; then finish "$was" committed; else reset_in_between; fi
      ;;
    *) if is_final "$was"; then finish "$was" "$was"; else reset_in_between; fi ;;
  esac
}

reset_in_between() {
  [ -n "$(get why)" ] || { tell why host-reset && tell message "the host was reset while the run was $was"; }
  if [ "$(get rollback)" = no ]; then
    finish "$was" kept
  else
    become "$was" rolling-back
    roll_back
  fi
}

