# shellcheck shell=sh
# Sourced by the scripts of the sandbox.

# do_or_die WHAT CMD...: says in one line what this machine does not let us do.
do_or_die() {
  what=$1
  shift
  if ! said=$("$@" 2>&1); then
    echo "cannot $what: $(echo "$said" | tail -n 1)" >&2
    exit 1
  fi
}
