#!/bin/sh
# The boot loader and stage 2 of a lab host, as process 1: activates the system that is the boot default, then becomes
# systemd.
set -eu

init_of() {
  sed -n 's|.*[[:space:]]init=\([^[:space:]]*\)/init\([[:space:]].*\)\{0,1\}$|\1|p' | head -n 1
}

# systemd-boot: the entry that the firmware was told to start once, else the default one.
boot_systemd_boot() {
  once=/boot/firmware/LoaderEntryOneShot
  if [ -s $once ]; then
    entry=$(cat $once)
    rm $once
  else
    entry=$(sed -n 's/^default[[:space:]]\{1,\}//p' /boot/loader/loader.conf | tail -n 1)
  fi
  [ -z "$entry" ] || grep '^options' "/boot/loader/entries/$entry" | init_of
}

# GRUB, on a menu as NixOS writes it: the entry that the environment block names once, else the first one.
boot_grub() {
  environment=/boot/grub/grubenv
  once=$(grub-editenv $environment list 2>/dev/null | sed -n 's/^next_entry=//p')
  if [ -n "$once" ]; then
    grub-editenv $environment unset next_entry
    # "SUBMENU>ENTRY": the entry's own title is found once in the menu.
    grep -F -A 4 "menuentry \"${once##*>}\"" /boot/grub/grub.cfg | init_of
  else
    init_of </boot/grub/grub.cfg
  fi
}

# The toplevel that the boot loader starts; nothing if there is none.
boot_loader() {
  if [ -e /boot/grub/grub.cfg ]; then
    boot_grub
  elif [ -e /boot/loader/loader.conf ]; then
    boot_systemd_boot
  fi
}

system=$(boot_loader)
if [ -n "$system" ] && [ -e "$system/activate" ]; then
  echo "lab: booting $system"
  ln -s "$system" /run/booted-system
  ln -s "$system" /run/current-system
  "$system/activate" || echo "lab: activate: exit $?"
else
  echo "lab: no system is installed (boot default: ${system:-none})"
fi

exec /lib/systemd/systemd --system --show-status=false --log-target=console
