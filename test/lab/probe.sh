#!/bin/sh
# probe.sh, run in a sandbox: tries what a host is made of, without a host.
set -eu
. "$(dirname "$0")/steps.sh"

dir=/run/lab/probe
mkdir -p $dir
do_or_die "mount a tmpfs" mount -t tmpfs probe $dir
mkdir $dir/lower $dir/upper $dir/work $dir/root
do_or_die "mount an overlay" mount -t overlay -o "lowerdir=$dir/lower,upperdir=$dir/upper,workdir=$dir/work" probe $dir/root
do_or_die "make a veth pair" ip link add probe0 type veth peer name probe1
do_or_die "limit a link (tbf)" tc qdisc add dev probe1 root tbf rate 1gbit burst 256k latency 50ms
do_or_die "make a cgroup" mkdir "$BUNGEE_LAB_CGROUP/probe"
do_or_die "move a process to a cgroup" sh -c "echo \$\$ >$BUNGEE_LAB_CGROUP/probe/cgroup.procs"
do_or_die "kill a cgroup" sh -c "echo 1 >$BUNGEE_LAB_CGROUP/probe/cgroup.kill"
do_or_die "nest namespaces" unshare --mount --net --pid --uts --ipc --cgroup --fork --mount-proc true
