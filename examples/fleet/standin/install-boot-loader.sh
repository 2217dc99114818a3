#!/bin/sh
# Writes the boot menu as NixOS' builders do, in systemd-boot's format or GRUB's: an entry for each generation of the
# system profile. systemd-boot's default becomes the generation that is the system given (when none is, it stays as it
# was), GRUB's the system given itself. `of-the-host`: whose format, the host's boot partition says.
# usage: install-boot-loader TOPLEVEL
set -eu

default=$1
loader_kind=@bootLoader@
profiles=/nix/var/nix/profiles
loader=/boot/loader
kernels=/boot/EFI/nixos

# A reset in the middle leaves the old file or the new one. FILE's new text is read from stdin.
write() {
  cat >"$1.tmp"
  sync "$1.tmp"
  mv "$1.tmp" "$1"
  sync "$(dirname "$1")"
}

# The name under which a file of the store lies in the boot partition: <hash>-linux-6.1-bzImage.efi
boot_name() {
  printf '%s.efi' "$(readlink -f "$1" | sed 's|^/nix/store/||; s|/|-|g')"
}

put_kernel() {
  copy=$kernels/$(boot_name "$1")
  [ -e "$copy" ] || write "$copy" <"$1"
}

# entry_name NUMBER [SPECIALISATION]
entry_name() {
  printf 'nixos-generation-%s%s.conf' "$1" "${2:+-specialisation-$2}"
}

# write_entry SYSTEM NUMBER [SPECIALISATION]
write_entry() {
  put_kernel "$1/kernel"
  put_kernel "$1/initrd"
  write "$loader/entries/$(entry_name "$2" "${3:-}")" <<ENTRY
title NixOS${3:+ ($3)}
sort-key nixos
version Generation $2 NixOS $(cat "$1/nixos-version"), built on $(date -d "@$(stat -c %Z "$profiles/system-$2-link")" +%F)
linux /EFI/nixos/$(boot_name "$1/kernel")
initrd /EFI/nixos/$(boot_name "$1/initrd")
options init=$1/init $(cat "$1/kernel-params")
machine-id $(cat /etc/machine-id)
ENTRY
}

generations() {
  find "$profiles" -maxdepth 1 -name 'system-*-link' -printf '%f\n' | sed -n 's/^system-\([0-9]\{1,\}\)-link$/\1/p' | sort -n
}

# grub_entry TITLE SYSTEM
grub_entry() {
  cat <<ENTRY
menuentry "$1" --class nixos --unrestricted {
search --set=drive1 --fs-uuid 0000-0000
  linux (\$drive1)/kernels/$(boot_name "$2/kernel") init=$2/init $(cat "$2/kernel-params")
  initrd (\$drive1)/kernels/$(boot_name "$2/initrd")
}

ENTRY
}

grub_menu() {
  cat <<'HEAD'
if [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ]; then
  set default="${next_entry}"
  set next_entry=
  save_env next_entry
else
  set default=0
fi
HEAD
  grub_entry NixOS "$default"
  echo 'submenu "NixOS - All configurations" --class submenu {'
  for number in $(generations | sort -rn); do
    link=$profiles/system-$number-link
    grub_entry "NixOS - Configuration $number ($(date -d "@$(stat -c %Z "$link")" +%F) - $(cat "$link/nixos-version"))" "$(readlink -f "$link")"
  done
  echo '}'
}

if [ "$loader_kind" = of-the-host ]; then
  if [ -d /boot/grub ]; then loader_kind=grub; else loader_kind=systemd-boot; fi
fi

if [ "$loader_kind" = grub ]; then
  # A host has one boot loader: the lab's hosts come with the other.
  rm -rf "$loader"
  mkdir -p /boot/grub
  grub_menu | write /boot/grub/grub.cfg
  exit 0
fi

mkdir -p "$loader/entries" "$kernels"

for entry in "$loader"/entries/nixos-generation-*.conf; do
  number=$(basename "$entry" | sed -n 's/^nixos-generation-\([0-9]\{1,\}\).*/\1/p')
  [ -n "$number" ] && [ ! -L "$profiles/system-$number-link" ] && rm -f "$entry"
done

for number in $(generations); do
  system=$(readlink -f "$profiles/system-$number-link")
  write_entry "$system" "$number"
  for specialisation in "$system"/specialisation/*; do
    [ -e "$specialisation" ] && write_entry "$(readlink -f "$specialisation")" "$number" "$(basename "$specialisation")"
  done
  if [ "$system" = "$default" ]; then
    printf 'timeout 5\ndefault %s\neditor 0\nconsole-mode keep\n' "$(entry_name "$number")" | write "$loader/loader.conf"
  fi
done
