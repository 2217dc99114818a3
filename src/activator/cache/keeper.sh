# ── what a binary cache keeps ────────────────────────────────────────────────────────────────────────────────────────
# Behind 01-answers.sh and 02-host.sh this is a script of its own, for the host of a cache:
#
#   info                        what the host's nix takes of whoever asks, and how much room there is
#   keep FLEET NODE COUNT       the store path on standard input becomes the newest of NODE that no garbage collection takes
#
# A root per release: gcroots/bungee-cache/FLEET/NODE/NUMBER, the newest with the highest number. COUNT of them stay.
# Runs as root, or as the push user, whose directory that then is (nix/cache-push.nix).
CACHE_ROOTS=/nix/var/nix/gcroots/bungee-cache
WAIT=300

nix_setting() { # NAME; nix has renamed the command
  { nix --extra-experimental-features nix-command config show || nix --extra-experimental-features nix-command show-config; } 2>/dev/null |
    sed -n "s/^$1 = //p"
}

# Whether nix takes paths of this user that nobody signed.
takes_unsigned() {
  [ "$(id -u)" != 0 ] && [ "$(nix_setting require-sigs)" != false ] || return 0
  groups=" $(id -Gn) "
  for trusted in $(nix_setting trusted-users); do
    case $trusted in
      \* | "$(id -un)") return 0 ;;
      @*) case $groups in *" ${trusted#@} "*) return 0 ;; esac ;;
    esac
  done
  return 1
}

info() {
  unsigned=false
  ! takes_unsigned || unsigned=true
  answer takesUnsigned:=$unsigned keys:="$(nix_setting trusted-public-keys | tr ' ' '\n' | sed '/^$/d' | json_lines)" \
    storeFreeBytes:="$(free_bytes /nix/store)"
}

# Names become names of directories: no slash, no dot at the beginning, nothing that a shell or a terminal would heed.
check_name() { # NAME
  case $1 in
    '' | .* | *[!A-Za-z0-9._+-]*) refuse usage "not a name: $1" ;;
  esac
  [ ${#1} -le 255 ] || refuse usage "longer than the name of a directory may be: $1"
}

# A directory that is new belongs to whom the one above it does: root's pushes and the push user's share them.
directory() { # DIRECTORY
  [ -d "$1" ] || mkdir -m 755 "$1" 2>/dev/null || [ -d "$1" ] || refuse state-directory "cannot make $1"
  [ ! -L "$1" ] || refuse state-directory "$1 is a link"
  [ "$(id -u)" != 0 ] || [ "$1" = $CACHE_ROOTS ] || chown -h --reference="${1%/*}" "$1"
}

# The numbers of a node's roots, the oldest first.
numbers() { # DIRECTORY
  for link in "$1"/[1-9]*; do
    link=${link##*/}
    case $link in *[!0-9]* | ??????????*) ;; *) echo "$link" ;; esac
  done | sort -n
}

keep() { # FLEET NODE COUNT; the path on stdin
  listen
  path=$(input_line 1)
  check_name "$1"
  check_name "$2"
  case $3 in '' | 0* | *[!0-9]* | ?????*) refuse usage "not a number of releases: $3" ;; esac
  case $path in
    /nix/store/*/* | *[!A-Za-z0-9+._?=/-]*) refuse usage "not a store path: $path" ;;
    /nix/store/????????????????????????????????-?*) ;;
    *) refuse usage "not a store path: $path" ;;
  esac
  directory $CACHE_ROOTS
  directory "$CACHE_ROOTS/$1"
  mine=$CACHE_ROOTS/$1/$2
  directory "$mine"
  # One at a time for a node: of two that push at once, each finds what the other has left.
  exec 9<"$mine" && flock --wait $WAIT 9 || refuse state-directory "cannot lock $mine"
  newest=$(numbers "$mine" | tail -n 1)
  number=$newest
  if [ -z "$newest" ] || [ "$(readlink "$mine/$newest")" != "$path" ]; then
    number=$((${newest:-0} + 1))
    ln -s "$path" "$mine/$number" || refuse state-directory "cannot write $mine"
  fi
  # A valid path has all that it needs: nix registers none before what it refers to. Without the root being there first, a garbage
  # collection could come in between.
  if ! is_kept "$path"; then
    [ "$number" = "$newest" ] || rm -f "$mine/$number"
    refuse not-valid "$path is not in the cache: its copy did not arrive whole, or was collected as garbage just now"
  fi
  # The same release further back has become the newest.
  for old in $(numbers "$mine"); do
    [ "$old" = "$number" ] || [ "$(readlink "$mine/$old")" != "$path" ] || rm -f "$mine/$old"
  done
  dropped=$(numbers "$mine" | head -n -"$3" | while read -r old; do rm -f "$mine/$old" && echo "$old"; done | wc -l)
  answer root="$mine/$number" kept:="$(numbers "$mine" | wc -l)" dropped:="$dropped"
}

verb=${1-}
[ $# -eq 0 ] || shift
case $verb in
  info) info ;;
  keep)
    [ $# -eq 3 ] || refuse usage "keep takes 3 words, not $#"
    keep "$@"
    ;;
  *) refuse usage "no such verb: $verb" ;;
esac
