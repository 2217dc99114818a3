#!/bin/sh
# Mounts a machine's disk in a mount namespace of its own, and holds it.
# LOWER: the root filesystem · SIZE: bytes · DISK: where to mount
set -eu
mkdir -p "$DISK"
mount -t tmpfs -o "mode=755,size=$SIZE" disk "$DISK"
mkdir "$DISK/upper" "$DISK/work" "$DISK/root"
# In a user namespace the kernel lets nobody write trusted.* attributes; overlayfs can keep its notes in user.* instead.
options="lowerdir=$LOWER,upperdir=$DISK/upper,workdir=$DISK/work"
read -r _ _ mapped_ids </proc/self/uid_map
[ "$mapped_ids" = 4294967295 ] || options=$options,userxattr
mount -t overlay -o "$options" overlay "$DISK/root"
echo ready
exec sleep infinity
