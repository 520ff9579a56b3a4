#!/bin/sh
# Obtains what the Debian boot tests need, from Debian's own packages, into a directory:
#
#   vmlinuz-cloud           the kernel of linux-image-cloud-amd64
#   vmlinuz-amd64           the kernel of linux-image-amd64 (only with --generic)
#   initramfs-message.cpio  prints APUS-BOOT-OK and the kernel's name, then powers off
#   initramfs-shell.cpio    an interactive shell on the console, with the disk modules of vmlinuz-cloud
#   initramfs-shell-amd64.cpio  the same for vmlinuz-amd64 (only with --generic)
#
# Usage: Scripts/fetch-debian-guest.sh [--generic] [DIRECTORY]     (default: .build/guests)
#
# Needs a Debian or Ubuntu host (apt-get, dpkg-deb) whose package lists are up to date and offer these
# packages; no root. The same packages give the same files, byte for byte.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."

generic=no
if [ "${1:-}" = --generic ]; then
  generic=yes
  shift
fi
case "${1:-}" in
-*) echo "usage: $0 [--generic] [DIRECTORY]" >&2; exit 2 ;;
esac
out=${1:-.build/guests}
mkdir -p "$out/packages"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for tool in apt-get apt-cache dpkg-deb; do
  command -v $tool >/dev/null || { echo "$0: $tool is not installed; this needs a Debian host" >&2; exit 1; }
done

# fetch PACKAGE: downloads the package unless it is there already, extracts it to $work/PACKAGE.
fetch() {
  version=$(apt-cache show --no-all-versions "$1" | sed -n 's/^Version: //p' | head -n 1)
  [ -n "$version" ] || { echo "$0: no package $1; is apt-get update needed?" >&2; exit 1; }
  escaped=$(echo "$version" | sed 's/:/%3a/g')
  file="$out/packages/$1_${escaped}_amd64.deb"
  if ! [ -f "$file" ]; then
    (cd "$work" && apt-get -qq download "$1:amd64=$version")
    mv "$work/$1_${escaped}_amd64.deb" "$file"
  fi
  dpkg-deb -x "$file" "$work/$1"
}

# kernel_package META: the package that a meta package stands for at present.
kernel_package() {
  apt-cache depends "$1" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1
}

# pad COUNT: zero bytes up to the next multiple of 4 of COUNT.
pad() {
  case $(($1 % 4)) in
  1) printf '\0\0\0' ;;
  2) printf '\0\0' ;;
  3) printf '\0' ;;
  esac
}

# entry INODE MODE SIZE NAME: a "newc" header (Linux Documentation/driver-api/early-userspace/
# buffer-format.rst) with owner 0:0, one link and time 0.
entry() {
  printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X' \
    "$1" "$2" 0 0 1 0 "$3" 0 0 0 0 $((${#4} + 1)) 0
  printf '%s\0' "$4"
  pad $((110 + ${#4} + 1))
}

# archive DIRECTORY: the tree below it as a cpio archive on standard output, in the order of names.
archive() {
  (
    cd "$1"
    inode=1
    find . -mindepth 1 | sed 's|^\./||' | sort | while read -r path; do
      if [ -h "$path" ]; then
        target=$(readlink "$path")
        entry $inode 0120777 ${#target} "$path"
        printf '%s' "$target"
        pad ${#target}
      elif [ -d "$path" ]; then
        entry $inode 0040755 0 "$path"
      else
        size=$(($(wc -c <"$path")))
        mode=0100644
        [ -x "$path" ] && mode=0100755
        entry $inode $mode $size "$path"
        cat "$path"
        pad $size
      fi
      inode=$((inode + 1))
    done
    entry 0 0 0 'TRAILER!!!'
  )
}

# skeleton DIRECTORY: busybox and the mount points.
skeleton() {
  mkdir -p "$1/bin" "$1/sbin" "$1/usr/bin" "$1/usr/sbin" "$1/dev" "$1/etc" "$1/mnt" "$1/proc" "$1/root" \
    "$1/sys" "$1/tmp"
  cp "$busybox" "$1/bin/busybox"
  chmod 755 "$1/bin/busybox"
  ln -s busybox "$1/bin/sh"
}

# The modules that disks need; their dependencies come along.
wanted='virtio_pci virtio_blk ata_piix sd_mod ext4 crc32c_generic crc32c_intel'

# modules SOURCE VERSION TARGET: copies the wanted modules and their dependencies, with an index of them.
modules() {
  tree="lib/modules/$2"
  "$busybox" depmod -n -b "$1" "$2" >"$work/depmod"
  # Of the output only modules.dep is of use: "path.ko: path.ko path.ko".
  grep '\.ko:' "$work/depmod" >"$work/dependencies"
  : >"$work/chosen"
  for name in $wanted; do
    pattern=$(echo "$name" | sed 's/_/[-_]/g')
    sed -n "s|^\([^:]*/$pattern\.ko\):.*|\1|p" "$work/dependencies" >>"$work/chosen"
  done
  while :; do
    sort -u "$work/chosen" >"$work/before"
    while read -r path; do
      awk -v path="$path:" '$1 == path { for (i = 1; i <= NF; i++) { sub(/:$/, "", $i); print $i } }' \
        "$work/dependencies"
    done <"$work/before" | sort -u >"$work/chosen"
    cmp -s "$work/before" "$work/chosen" && break
  done
  while read -r path; do
    path=${path#/}
    path=${path#"$tree/"}
    mkdir -p "$3/$tree/$(dirname "$path")"
    cp "$1/$tree/$path" "$3/$tree/$path"
    chmod 644 "$3/$tree/$path"
  done <"$work/chosen"
  cp "$1/$tree/modules.builtin" "$3/$tree/modules.builtin"
  chmod 644 "$3/$tree/modules.builtin"
  "$busybox" depmod -b "$3" "$2"
  for index in modules.dep modules.alias modules.symbols; do
    sort -o "$3/$tree/$index" "$3/$tree/$index"
  done
}

# guest META FLAVOUR SUFFIX: kernel and shell initramfs of a kernel package.
guest() {
  package=$(kernel_package "$1")
  [ -n "$package" ] || { echo "$0: $1 names no kernel package; is apt-get update needed?" >&2; exit 1; }
  fetch "$package"
  version=${package#linux-image-}
  cp "$work/$package/boot/vmlinuz-$version" "$out/vmlinuz-$2"
  chmod 644 "$out/vmlinuz-$2"
  root="$work/shell-$2"
  skeleton "$root"
  modules "$work/$package" "$version" "$root"
  cat >"$root/init" <<'INIT'
#!/bin/sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=vt100
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
ln -s /proc/mounts /etc/mtab
for module in virtio_pci virtio_blk ata_piix sd_mod ext4; do
  modprobe $module
done
cd /root
echo APUS-SHELL-READY
setsid cttyhack sh
poweroff -f
INIT
  printf '#!/bin/sh\nexec mke2fs "$@"\n' >"$root/sbin/mkfs.ext2"
  chmod 755 "$root/init" "$root/sbin/mkfs.ext2"
  archive "$root" >"$out/initramfs-shell$3.cpio"
}

fetch busybox-static
busybox="$work/busybox-static/bin/busybox"
[ -f "$busybox" ] || busybox="$work/busybox-static/usr/bin/busybox"

skeleton "$work/message"
cat >"$work/message/init" <<'INIT'
#!/bin/sh
echo APUS-BOOT-OK
/bin/busybox uname -a
/bin/busybox poweroff -f
INIT
chmod 755 "$work/message/init"
archive "$work/message" >"$out/initramfs-message.cpio"

guest linux-image-cloud-amd64 cloud ''
if [ $generic = yes ]; then guest linux-image-amd64 amd64 -amd64; fi
ls -l "$out"
