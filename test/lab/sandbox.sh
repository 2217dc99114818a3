#!/bin/sh
# sandbox.sh CMD...: the first process of the sandbox, in fresh mount, net, pid, uts and ipc namespaces.
# Lays out what all labs of one run share (an own /run, an own /nix, the bridge that every host is plugged into), then
# runs CMD.
set -eu

. "$(dirname "$0")/steps.sh"

hostname lab
do_or_die "mount a tmpfs" mount -t tmpfs -o mode=755 run /run
mkdir -p /run/lab
# Each user makes a folder in it (sandbox.ts, compiled).
mkdir -m 1777 /run/lab/compiled
# Nix, run outside of a workstation, must never touch the store of this machine.
if [ -d /nix ]; then
  mount -t tmpfs -o mode=755 nix /nix
  mkdir -p /nix/store /nix/var/nix
fi

ip link set lo up
# A fixed address: else a bridge takes that of its lowest port, and every host's ARP cache goes stale when a port
# comes or goes.
do_or_die "make a bridge" ip link add br0 address 02:4c:00:00:00:01 type bridge
ip address add 10.77.0.1/16 dev br0
ip link set br0 up

# "cut refuse" adds a host's addresses to this set: to everybody here it then looks as if the router said no.
do_or_die "use nftables" nft '
  table ip lab {
    set refused { type ipv4_addr; }
    chain out {
      type filter hook output priority 0;
      # What the chain below says to the host has to get through.
      ip daddr @refused tcp flags rst accept
      ip daddr @refused icmp type destination-unreachable accept
      ip daddr @refused meta l4proto tcp reject with tcp reset
      ip daddr @refused reject with icmp type host-unreachable
    }
    chain in {
      type filter hook input priority 0;
      iifname br0 ip saddr @refused meta l4proto tcp reject with tcp reset
      iifname br0 ip saddr @refused reject with icmp type host-unreachable
    }
  }'

exec tini -- "$@"
