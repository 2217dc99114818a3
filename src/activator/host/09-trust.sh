# ── what may be deployed here ────────────────────────────────────────────────────────────────────────────────────────

# yes: a deploy user asks, through the one sudo rule that it has, and gets no further than the deployer's own questions.
restricted=no
# Where a host says of itself that it takes nothing unsigned, whoever deploys and whatever they ask for.
DEMANDS_SIGNATURES=/run/current-system/etc/bungee/require-signature

check_store_path() {
  case $1 in
    /nix/store/*/* | *[!A-Za-z0-9+._?=/-]*) refuse usage "not a store path: $1" ;;
    /nix/store/????????????????????????????????-?*) ;;
    *) refuse usage "not a store path: $1" ;;
  esac
}

# Nothing inside of the release is looked at before it is known to be signed: what nobody signed may lead anywhere.
check_release() { # RELEASE ANY-HOST(yes|no) REQUIRE-SIGNATURE(yes|no)
  check_store_path "$1"
  yes_no any-host "$2"
  yes_no require-signature "$3"
  [ "$restricted$2" != yesyes ] || refuse restricted "a deploy user may not deploy another host's system"
  nix-store --check-validity "$1" 2>/dev/null || refuse not-valid "$1 is not valid in this host's store"
  if [ "$3" = yes ] || [ -e $DEMANDS_SIGNATURES ]; then check_signatures "$1"; fi
  # A profile says of no host that it is made for it.
  if is_profile; then check_is_no_system "$1"; return; fi
  [ -x "$1/bin/switch-to-configuration" ] && [ -e "$1/nixos-version" ] || refuse not-nixos "$1 is not a NixOS system"
  [ ! -e "$1/$ACTIVATION" ] || [ "$(system_in "$1")" = "$1" ] || refuse not-nixos "$1 is not a NixOS system, but wraps one"
  [ "$2" = yes ] || check_host "$1"
}

nix_of_this_host() { nix --extra-experimental-features nix-command "$@"; }

check_signatures() { # RELEASE
  # What is addressed by its content needs no signature, and anybody who reaches nix-daemon can make it. As a part of a signed system
  # it is fine: the system names it by its content. As the system itself it is anybody's.
  info=$(nix_of_this_host path-info --json "$1") || refuse not-signed "nix cannot say who signed $1"
  case $info in
    *'"ca":null'*) ;;
    *'"ca":'*) refuse not-signed "$1 is addressed by its content: nobody can have signed it" ;;
  esac
  unsigned=$(nix_of_this_host store verify --recursive --no-contents --sigs-needed 1 "$1" 2>&1) ||
    refuse not-signed "no key that this host trusts has signed $(echo "$unsigned" | unsigned_paths)"
  # The system itself: a public cache signs whatever was built in public, test machines with open doors too; and a host that signs
  # what it builds signs what anybody has built on it.
  nix_of_this_host store verify --no-contents --sigs-needed 1 \
    --option trusted-public-keys "$(keys_of_systems)" --option secret-key-files '' "$1" 2>/dev/null ||
    refuse not-signed "$1 is signed by a public cache or by this host itself: neither says that it is meant for this host"
}

# A few words of all that `nix store verify` has to say.
unsigned_paths() {
  sed -n "s/^path '\(.*\)' is untrusted.*/\1/p" | {
    read -r first
    others=$(wc -l)
    printf '%s' "${first:-the system}"
    [ "$others" -eq 0 ] || printf ' and %d other paths of the system' "$others"
  }
}

keys_of_systems() {
  own=$(for file in $(nix_setting secret-key-files); do sed 's/:.*//;q' "$file"; done)
  for key in $(nix_setting trusted-public-keys); do
    case $key in cache.nixos.org-*) continue ;; esac
    printf '%s\n' "$own" | grep -qxF "${key%%:*}" || printf '%s ' "$key"
  done
}

# nix has renamed the command; without an answer there are no keys, and nothing is signed.
nix_setting() { { nix_of_this_host config show || nix_of_this_host show-config; } 2>/dev/null | sed -n "s/^$1 = //p"; }

# By the node's name where both systems carry one, else by the host's. A system without a name could be anybody's: an operator may
# know better, a deploy user may not.
check_host() { # RELEASE
  theirs=$(name_in "$1" bungee/node) ours=$(name_in /run/current-system bungee/node)
  if [ -z "$ours" ] || { [ -z "$theirs" ] && [ "$restricted" = no ]; }; then
    theirs=$(name_in "$1" hostname) ours=$(name_in /run/current-system hostname)
    if [ "$restricted" = no ] && { [ -z "$theirs" ] || [ -z "$ours" ]; }; then return; fi
  fi
  [ "$theirs" = "$ours" ] ||
    refuse other-host "$1 is the system of ${theirs:-a host that it does not name}, and this host is ${ours:-without a name}"
}

# One word, from a file in the store and from nowhere else: a link may lead to what is nobody's business, and this is told.
name_in() { # SYSTEM FILE
  case $(readlink -f "$1/etc/$2") in
    /nix/store/*) head -n 1 "$1/etc/$2" 2>/dev/null | head -c 255 | tr -cd 'A-Za-z0-9._-' ;;
  esac
}

# ── restricted mode ──────────────────────────────────────────────────────────────────────────────────────────────────

# What a deploy user may ask: about this host, about releases, and about runs that a deploy user began. It is refused here, where root
# decides, whatever the gate let through.
check_restricted() { # VERB ARGUMENT …
  case $1 in
    facts | begin | stage | dry-activate | unwrap | metrics) ;;
    follow | status | check | confirm | abort)
      load "${2-}"
      [ "$(get restricted)" = yes ] || refuse restricted "run $id was not begun by a deploy user"
      ;;
    *) refuse restricted "a deploy user may not ask for this: $1" ;;
  esac
}

