#!/bin/sh
# The first process of a workstation. DISK: where the disk is mounted · CHECKOUT: the directory that it shares with
# the machine · COMPILED: the one that it shares with the sandbox
set -eu
. "$(dirname "$0")/mounts.sh"

hostname workstation
cd "$DISK/root"
mkdir -p ".$CHECKOUT"
mount --bind "$CHECKOUT" ".$CHECKOUT"
mount -o remount,ro,bind ".$CHECKOUT"
mount_kernel_file_systems
mkdir -p ".$COMPILED"
mount --bind "$COMPILED" ".$COMPILED"
enter_root
echo ready
# Reaps what a killed deployer leaves behind.
exec env -i PATH=/usr/bin tini -- sleep infinity
