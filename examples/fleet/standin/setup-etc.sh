#!/bin/sh
# Makes /etc what the system has in its etc: /etc/static is the one link that changes, /etc/<file> points through it.
# A file that the base system had there is kept aside, and comes back when no system has one any more.
# usage: setup-etc ETC
set -eu

etc=$1
copies=/etc/.clean # the files that are copies and no links, as NixOS lists them
base=/etc/.base    # what was kept aside

# Whoever reads a file meanwhile sees the old one or the new one, never none.
link() {
  ln -sfn "$1" "$2.new"
  mv -T "$2.new" "$2"
}

copy() {
  cp -a "$1" "$2.new"
  mv -T "$2.new" "$2"
}

exists() {
  [ -e "$1" ] || [ -L "$1" ]
}

is_copy() {
  [ -e "$copies" ] && grep -qxF -- "$1" "$copies"
}

is_link() {
  case $(readlink "/etc/$1") in /etc/static/*) return 0 ;; *) return 1 ;; esac
}

keep_base() {
  if exists "/etc/$1" && ! is_link "$1" && ! is_copy "$1"; then
    mkdir -p "$base/$(dirname "$1")"
    copy "/etc/$1" "$base/$1"
  fi
}

# remove_file DIRECTORY FILE: and the directories on its way that nobody needs any more
remove_file() (
  cd "$1"
  rm -f "$2"
  case $2 in */*) rmdir --parents --ignore-fail-on-non-empty "${2%/*}" ;; esac
)

remove() {
  if exists "$base/$1"; then
    copy "$base/$1" "/etc/$1"
    remove_file "$base" "$1"
  else
    remove_file /etc "$1"
  fi
}

forget_copy() {
  if is_copy "$1"; then
    grep -vxF -- "$1" "$copies" >"$copies.new" || :
    mv "$copies.new" "$copies"
    [ -s "$copies" ] || rm "$copies"
  fi
}

put_link() {
  link "/etc/static/$1" "/etc/$1"
  forget_copy "$1"
}

# sshd and sudo refuse a file in a directory that a group may write, as the store is: what has a mode of its own is copied.
put_copy() {
  is_copy "$1" || printf '%s\n' "$1" >>"$copies"
  cp -L "$etc/$1" "/etc/$1.new"
  chmod "$(cat "$etc/$1.mode")" "/etc/$1.new"
  mv -T "/etc/$1.new" "/etc/$1"
}

link "$etc" /etc/static

find /etc -xdev -lname '/etc/static/*' -printf '%P\n' | while IFS= read -r file; do
  exists "/etc/static/$file" || remove "$file"
done
if [ -e "$copies" ]; then
  # read whole first: the loop changes it
  printf '%s\n' "$(cat "$copies")" | while IFS= read -r file; do
    if [ -n "$file" ] && ! exists "$etc/$file"; then
      remove "$file"
      forget_copy "$file"
    fi
  done
fi

find -L "$etc/" ! -type d ! -name '*.mode' -printf '%P\n' | while IFS= read -r file; do
  if [ ! -e "$etc/$file.mode" ] && is_link "$file"; then continue; fi
  mkdir -p "/etc/$(dirname "$file")"
  keep_base "$file"
  if [ -e "$etc/$file.mode" ]; then put_copy "$file"; else put_link "$file"; fi
done
