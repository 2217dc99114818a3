#!/bin/sh
# The first process of a host: what kernel and initrd do. NAME: host name · DISK: where the disk is mounted
set -eu
here=$(dirname "$0")
. "$here/mounts.sh"

hostname "$NAME"
cd "$DISK/root"
mount_kernel_file_systems
# The whole cgroup tree of the host is its own, and unified, whatever the machine has.
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -o remount,ro,bind sys
# The kernel's boot id is the machine's; each boot of a host needs its own.
cat proc/sys/kernel/random/uuid >run/boot-id
mount --bind run/boot-id proc/sys/kernel/random/boot_id
cp "$here/stage2.sh" run/lab-stage2
enter_root
mount --rbind /proc/sys /proc/sys
mount -o remount,ro,bind /proc/sys
mount -o remount,rw,bind /proc/sys/net 2>/dev/null || true

exec env -i container=lab TERM=dumb HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh /run/lab-stage2
