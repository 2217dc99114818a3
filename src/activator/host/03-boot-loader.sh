# ── the boot loader ──────────────────────────────────────────────────────────────────────────────────────────────────

GRUB=/boot/grub

# Where the configuration of systemd-boot is.
esp() {
  for esp in /boot /efi /boot/efi; do
    [ ! -r "$esp/loader/loader.conf" ] || { echo "$esp"; return; }
  done
}

# The one whose configuration is there; nothing where it is none of those that are known here.
boot_loader() {
  if [ -n "$(esp)" ]; then
    echo systemd-boot
  elif [ -r $GRUB/grub.cfg ]; then
    echo grub
  elif [ -r /boot/extlinux/extlinux.conf ]; then
    echo extlinux
  fi
}

# The toplevel in the first init= of boot loader configuration on standard input.
init_of() { sed -n 's|.*[[:space:]]init=\(/nix/store/[^/[:space:]]*\)/init.*|\1|p' | head -n 1; }

# What this host would boot; nothing where that cannot be read.
boot_default() {
  case $(boot_loader) in
    systemd-boot)
      loader=$(esp)/loader
      entry=$(sed -n 's/^default[[:space:]]\{1,\}//p' "$loader/loader.conf" | tail -n 1)
      for file in "$loader/entries/$entry" "$loader/entries/$entry.conf"; do
        [ ! -f "$file" ] || init_of <"$file"
      done
      ;;
    grub) init_of <$GRUB/grub.cfg ;;
    extlinux) sed -n '/^LABEL nixos-default/,/^LABEL nixos-[^d]/p' /boot/extlinux/extlinux.conf | init_of ;;
  esac
}

# The name of the entry that starts a system, as the boot loader's one-shot wants it; nothing where there is none.
boot_entry() { # SYSTEM
  case $(boot_loader) in
    systemd-boot)
      # A name may carry the count of tries that are left ("+3"), which is no part of it.
      file=$(grep -lE "[[:space:]]init=$1/init([[:space:]]|\$)" "$(esp)"/loader/entries/*.conf | head -n 1)
      [ -z "$file" ] || basename "$file" | sed 's/+[0-9-]*\.conf$/.conf/'
      ;;
    grub)
      # An entry inside of a submenu is named by both titles.
      submenu='' entry=''
      while IFS= read -r line; do
        case $line in
          *'submenu "'*) submenu=${line#*\"} submenu=${submenu%%\"*} ;;
          *'menuentry "'*) entry=${line#*\"} entry=${entry%%\"*} ;;
          '}'*) if [ -n "$entry" ]; then entry=''; else submenu=''; fi ;;
          *"init=$1/init" | *"init=$1/init "*) [ -z "$submenu" ] || { printf '%s>%s\n' "$submenu" "$entry"; return; } ;;
        esac
      done <$GRUB/grub.cfg
      ;;
  esac
}

# Succeeds where an entry can be started once without becoming the default.
has_one_shot() {
  case $(boot_loader) in
    systemd-boot) command -v bootctl >/dev/null ;;
    grub)
      command -v grub-editenv >/dev/null && grep -q next_entry $GRUB/grub.cfg || return
      # GRUB itself has to take the name out of its block again, and cannot write to these.
      case $(findmnt --noheadings --output FSTYPE,SOURCE --target $GRUB) in
        btrfs* | zfs* | bcachefs* | *' /dev/mapper/'* | *' /dev/dm-'* | *' /dev/md'*) return 1 ;;
      esac
      ;;
    *) return 1 ;;
  esac
}

set_one_shot() { # ENTRY
  case $(boot_loader) in
    systemd-boot) bootctl set-oneshot "$1" ;;
    grub) grub-editenv $GRUB/grubenv set "next_entry=$1" && sync $GRUB/grubenv ;;
  esac
}

clear_one_shot() {
  case $(boot_loader) in
    systemd-boot) bootctl set-oneshot '' ;;
    grub) grub-editenv $GRUB/grubenv unset next_entry ;;
  esac
}

# Whether kernel, initrd or modules of a system are others than those that were booted. A container has none.
kernel_changed() { # SYSTEM
  for part in kernel initrd kernel-modules; do
    [ "$(resolved "/run/booted-system/$part")" = "$(resolved "$1/$part")" ] || return 0
  done
  return 1
}

