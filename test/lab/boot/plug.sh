#!/bin/sh
# The power button of a host, pressed in a fresh network namespace: brings a new cable and starts the machine.
# So every boot has a network stack that remembers nothing, as hardware has.
# CGROUP: fresh cgroup of this boot · PORT, MAC: the two ends of the cable · DISK_PID · descriptor 3: told when PORT
# is there
set -eu
echo $$ >"$CGROUP/cgroup.procs"

# Process 1 here is the init of the sandbox, which has the bridge.
ip link add host0 address "$MAC" type veth peer name "$PORT" netns 1
ip link set lo up
echo plugged >&3

exec nsenter --target "$DISK_PID" --mount -- \
  unshare --mount --pid --uts --ipc --cgroup --fork --kill-child --propagation private \
  sh "$(dirname "$0")/stage1.sh" 3>&-
