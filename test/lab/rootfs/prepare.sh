#!/bin/bash
# prepare.sh ROOT: dresses a bare Debian tree as the base system of lab hosts and workstations.
# Everything that differs between two hosts (name, address, keys, machine-id) is written by the lab, not here.
set -euo pipefail
root=$1
here=$(dirname "$(readlink -f "$0")")

cp -r --no-preserve=ownership "$here/etc" "$root/"
chmod 0440 "$root/etc/sudoers.d/lab"

for user in deploy alice; do
  chroot "$root" useradd --create-home --shell /bin/bash "$user"
done
echo alice:secret | chroot "$root" chpasswd

# Names come from /etc/hosts alone: nothing ever waits for a DNS server.
sed -i 's/^hosts:.*/hosts: files/' "$root/etc/nsswitch.conf"
: >"$root/etc/resolv.conf"
# A login shall cost what it costs on a host without a message of the day.
sed -i '/pam_motd/d' "$root/etc/pam.d/sshd"

# What NixOS has, and Debian has not.
mkdir -p "$root/boot/loader/entries" "$root/etc/ssh/authorized_keys.d" "$root/nix/var/nix/"{gcroots,profiles}
chroot "$root" install -d -m 1775 -g nixbld /nix/store
: >"$root/etc/NIXOS"
ln -sfn /run/current-system "$root/nix/var/nix/gcroots/current-system"
ln -sfn /run/booted-system "$root/nix/var/nix/gcroots/booted-system"

install -m 755 "$here/firmware/bootctl" "$root/usr/local/bin/bootctl"

# Units that make no sense in a container, cost boot time or fail there.
for unit in \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  getty@tty1.service console-getty.service nftables.service systemd-modules-load.service systemd-update-utmp.service \
  systemd-networkd-wait-online.service systemd-tmpfiles-clean.timer sshd-keygen.service sys-kernel-debug.mount sys-kernel-tracing.mount \
  modprobe@.service sys-fs-fuse-connections.mount dev-hugepages.mount systemd-update-utmp-runlevel.service; do
  ln -sfn /dev/null "$root/etc/systemd/system/$unit"
done
# They find nothing in a container, and half of what a daemon-reload takes is to ask them.
mkdir -p "$root/etc/systemd/system-generators"
for generator in "$root"/lib/systemd/system-generators/*; do
  ln -sfn /dev/null "$root/etc/systemd/system-generators/${generator##*/}"
done
chroot "$root" systemctl --quiet set-default multi-user.target
chroot "$root" systemctl --quiet enable lab-network.service
chroot "$root" systemctl --quiet disable nix-daemon.service # started by its socket, as on NixOS

rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/hostname" "$root/etc/machine-id" "$root/var/lib/dbus/machine-id"
: >"$root/etc/machine-id"
