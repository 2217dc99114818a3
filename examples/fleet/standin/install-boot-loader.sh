#!/bin/sh
# Writes the boot menu in systemd-boot's format, as NixOS' builder does: an entry for each generation of the system
# profile. The default becomes the generation that is the system given; when none is, the default stays as it was.
# usage: install-boot-loader TOPLEVEL
set -eu

default=$1
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
