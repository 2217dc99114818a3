# shellcheck shell=sh
# Sourced by the first process of a host and of a workstation, standing in the root of its disk, in namespaces of its
# own: makes the file systems that a kernel would give it, and makes the disk its root.

mount_kernel_file_systems() {
  mount -t proc proc proc
  mount -t sysfs sysfs sys
  mount -t tmpfs -o mode=755,nosuid dev dev
  for device in null zero full random urandom tty; do
    : >dev/$device
    mount --bind /dev/$device dev/$device
  done
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
  mount -t tmpfs -o mode=1777 shm dev/shm
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  ln -s fd/0 dev/stdin
  ln -s fd/1 dev/stdout
  ln -s fd/2 dev/stderr
  mount -t tmpfs -o mode=755 run run
}

# After this nothing of the machine can be seen any more.
enter_root() {
  mkdir -p .machine
  pivot_root . .machine
  cd /
  umount --lazy /.machine
  rmdir /.machine
}
