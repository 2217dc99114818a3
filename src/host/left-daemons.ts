/**
 * Scripts for the host's root, which end nix-daemons that nobody speaks to any more. bungee's have in their environment BUNGEE_STORE, which of
 * its stores they are of, and BUNGEE_SILENCE, the seconds after which their deployer gives a silent line up.
 */

/** nix ends its builders when it is told to end, but in the middle of a copy some versions wait for more. */
const END = `
end() {
  [ $# -gt 0 ] || exit 0
  kill "$@"
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    for pid; do
      shift
      ! kill -0 "$pid" || set -- "$@" "$pid"
    done
    [ $# -gt 0 ] || exit 0
    sleep 0.1
  done
  kill -KILL "$@"
} 2>/dev/null
`;

/** $1: those of one store. */
export const END_MARKED = `${END}
end $(grep -lsxzF "BUNGEE_STORE=$1" /proc/[0-9]*/environ | cut -d / -f 3)
`;

/**
 * Those of any deployer whose line has been silent for twice as long as that deployer would wait: prints their pids. Whose line it is tells the
 * sshd above them; each line that lives brings a sign of life more often.
 */
export const END_SILENT = `${END}
sockets=$(ss --no-header --tcp --numeric --info --processes --oneline state established) || exit 0
silent=
for environ in $(grep -lsz '^BUNGEE_STORE=' /proc/[0-9]*/environ); do
  daemon=\${environ#/proc/} daemon=\${daemon%/environ}
  patience=$(tr '\\0' '\\n' <"$environ" | sed -n 's/^BUNGEE_SILENCE=//p')
  above=$daemon since=
  while [ -z "$since" ] && [ "\${above:-0}" -gt 1 ]; do
    since=$(printf '%s\\n' "$sockets" | grep "[(,]pid=$above," | sed -n 's/.* lastrcv:\\([0-9]*\\).*/\\1/p' | head -n 1)
    above=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$above/status" 2>/dev/null)
  done
  [ -n "$patience" ] && [ "\${since:-0}" -gt $((2 * patience * 1000)) ] && silent="$silent $daemon"
done
printf '%s\\n' $silent
end $silent
`;
