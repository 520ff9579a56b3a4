#!/bin/sh
# Obtains what the Debian boot tests need, from Debian's own packages, into a directory:
#
#   vmlinuz-cloud           the kernel of linux-image-cloud-amd64
#   vmlinuz-amd64           the kernel of linux-image-amd64 (only with --generic)
#   initramfs-message.cpio  prints APUS-BOOT-OK and the kernel's name, then powers off
#   initramfs-shell.cpio    an interactive shell on the console, with the disk modules of vmlinuz-cloud
#   initramfs-shell-amd64.cpio  the same for vmlinuz-amd64 (only with --generic)
#   initramfs-programs.cpio  runs coreutils, OpenSSL and Python's own tests, compares what they print with
#                           what they print on this computer, then powers off (only with --programs)
#   initramfs-workloads.cpio  runs testroms/workloads/workloads.elf, which tells when each of its workloads begins
#                           and ends, then powers off (only with --workloads)
#
# Usage: Scripts/fetch-debian-guest.sh [--generic] [--programs] [--workloads] [DIRECTORY]
#                                                                               (default: .build/guests)
#
# Needs a Debian or Ubuntu host (apt-get, dpkg-deb) whose package lists are up to date and offer these
# packages; no root. The same packages give the same files, byte for byte.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."

generic=no
programs=no
workloads=no
while :; do
  case "${1:-}" in
  --generic) generic=yes ;;
  --programs) programs=yes ;;
  --workloads) workloads=yes ;;
  -*) echo "usage: $0 [--generic] [--programs] [--workloads] [DIRECTORY]" >&2; exit 2 ;;
  *) break ;;
  esac
  shift
done
out=${1:-.build/guests}
mkdir -p "$out/packages"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

. Scripts/debian-packages.sh

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

# native NAME...: commands of these names in $work/native that run the archive's programs on this computer, with
# the archive's libraries.
native() {
  mkdir -p "$work/native"
  for name; do
    printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' "$loader" "$libraries" \
      "$root/usr/bin/$name" >"$work/native/$name"
    chmod 755 "$work/native/$name"
  done
}

# expect NAME: runs a check of Scripts/guest-programs.sh on this computer and keeps what it prints.
expect() {
  rm -rf "$work/scratch"
  cp -R "$root/programs/files" "$work/scratch"
  (cd "$work/scratch" && PATH="$work/native:$PATH" sh "$root/programs/checks.sh" "$1") \
    >"$root/programs/expected/$1" 2>"$work/errors" </dev/null || {
    cat "$root/programs/expected/$1" "$work/errors" >&2
    echo "$0: $1 fails on this computer" >&2
    exit 1
  }
}

# programs: the archive of programs that choose their instructions by CPUID, and of what they are to print.
programs() {
  python=$(apt-cache depends --important python3-minimal |
    sed -n 's/^ *|*\(Pre\)*Depends: \(python3\.[0-9]*\)-minimal$/\2/p' | head -n 1)
  [ -n "$python" ] || { echo "$0: python3-minimal names no Python; is apt-get update needed?" >&2; exit 1; }
  for package in coreutils dash openssl "$python-minimal" "lib$python-minimal" "lib$python-stdlib" \
    "lib$python-testsuite"; do
    fetch "$package"
  done
  libraries coreutils dash openssl "$python-minimal"

  root="$work/programs"
  skeleton "$root"
  mkdir -p "$root/lib64" "$root/lib/x86_64-linux-gnu" "$root/usr/lib/ssl"
  cp "$work/openssl/usr/bin/openssl" "$root/usr/bin/openssl"
  cp "$work/openssl/etc/ssl/openssl.cnf" "$root/usr/lib/ssl/openssl.cnf"
  cp "$work/$python-minimal/usr/bin/$python" "$root/usr/bin/python3"
  # Not busybox's, whose shell prefers the programs that it contains itself.
  for file in "$work"/dash/bin/dash "$work"/dash/usr/bin/dash; do
    if [ -f "$file" ]; then cp "$file" "$root/usr/bin/dash"; fi
  done
  coreutils='b2sum base64 cksum env factor md5sum numfmt od printf seq sha1sum sha224sum sha256sum sha384sum sha512sum
    sort wc'
  for name in $coreutils; do
    cp "$work/coreutils/usr/bin/$name" "$root/usr/bin/$name"
  done

  # Python's library, and of its tests those that the checks run, with what they import and read.
  library="usr/lib/$python"
  mkdir -p "$root/$library"
  for package in "lib$python-minimal" "lib$python-stdlib"; do
    cp -R "$work/$package/$library/." "$root/$library/"
  done
  rm -f "$root/$library/sitecustomize.py"
  tests="$work/lib$python-testsuite/$library/test"
  for file in "$tests"/__init__.py "$tests"/support "$tests"/mathdata "$tests"/typinganndata \
    "$tests"/ann_module*.py "$tests"/ieee754.txt "$tests"/*math_testcases.txt \
    "$tests"/float*.txt "$tests"/formatfloat_testcases.txt "$tests"/test_grammar.py \
    "$tests"/test_math.py "$tests"/test_cmath.py "$tests"/test_float.py "$tests"/test_complex.py \
    "$tests"/test_struct.py; do
    # Releases of Python differ in which of them there are.
    if [ -e "$file" ]; then cp -R "$file" "$root/$library/test/"; fi
  done
  for package in "lib$python-stdlib" "lib$python-testsuite"; do
    for file in "$work/$package/$library"/lib-dynload/*.so; do
      if [ -f "$file" ]; then cp "$file" "$root/$library/lib-dynload/"; fi
    done
  done

  # The libraries of all these. Modules of Python's that need others, for databases and the like, are left out.
  for file in "$root/$library"/lib-dynload/*.so; do
    objects "$file" >"$work/objects" || rm "$file"
  done
  for file in "$root"/usr/bin/* "$root/$library"/lib-dynload/*.so; do
    objects "$file" || { echo "$0: a library of $file is in no package fetched" >&2; exit 1; }
  done >"$work/objects"
  sort -u "$work/objects" | while read -r name; do
    cp "$libraries/$name" "$root/lib/x86_64-linux-gnu/"
  done
  cp "$loader" "$root/lib64/ld-linux-x86-64.so.2"
  chmod 755 "$root/lib64/ld-linux-x86-64.so.2" "$root"/usr/bin/*

  # Text, code, and pieces of it of all lengths around those that loops of vectors work in.
  mkdir -p "$root/programs/files/pieces" "$root/programs/expected"
  cp Scripts/guest-programs.sh "$root/programs/checks.sh"
  "$busybox" seq 1 54321 >"$root/programs/files/lines"
  "$busybox" head -c 333333 "$busybox" >"$root/programs/files/bytes"
  for size in $("$busybox" seq 0 9) 15 16 17 31 32 33 55 56 63 64 65 111 112 119 127 128 129 255 256 257 511 513 \
    1023 1025 4095 4097; do
    "$busybox" tail -c "+$((size + 1000))" "$busybox" | "$busybox" head -c "$size" \
      >"$root/programs/files/pieces/$size"
  done

  # shellcheck disable=SC2086
  native $coreutils openssl python3
  export OPENSSL_CONF="$root/usr/lib/ssl/openssl.cnf" PYTHONHOME="$root/usr" PYTHONDONTWRITEBYTECODE=1
  for name in $(sh Scripts/guest-programs.sh list); do
    expect "$name"
  done
  unset OPENSSL_CONF PYTHONHOME PYTHONDONTWRITEBYTECODE
  # The same digests by other programs, which use no instructions that CPUID tells of.
  for name in md5sum sha1sum sha256sum sha512sum; do
    (cd "$root/programs/files" && "$busybox" $name lines bytes pieces/*) | cmp - "$root/programs/expected/$name"
  done

  cat >"$root/init" <<'INIT'
#!/bin/sh
export PATH=/usr/bin:/bin HOME=/root TERM=vt100
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo APUS-PROGRAMS-BEGIN
echo "APUS-NOTE $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo)"
/lib64/ld-linux-x86-64.so.2 --help | sed -n 's/^ *\(x86-64-v.*(supported.*\)/APUS-NOTE \1/p'
cd /programs
# "checks=NAME,NAME" on the kernel's command line, which comes as a variable, runs only those.
for name in $(echo "${checks:-$(ls expected)}" | tr , ' '); do
  cp -R files /tmp/scratch
  cd /tmp/scratch
  status=0
  dash /programs/checks.sh $name >/tmp/output 2>/tmp/errors </dev/null || status=$?
  cd /programs
  if [ $status = 0 ] && cmp -s /tmp/output expected/$name; then
    echo "APUS-PROGRAM $name OK"
  else
    echo "APUS-PROGRAM $name FAILED ($status)"
    diff expected/$name /tmp/output | head -n 20
    tail -n 20 /tmp/errors
  fi
  rm -rf /tmp/scratch
done
# A program that a signal ended is reported by the kernel.
if dmesg | grep -E 'traps:|segfault|general protection|invalid opcode|Oops|BUG:|WARNING: CPU:'; then
  echo "APUS-PROGRAM kernel-log FAILED"
else
  echo "APUS-PROGRAM kernel-log OK"
fi
echo APUS-PROGRAMS-END
poweroff -f
INIT
  chmod 755 "$root/init"
  # All of it or none: what is there is taken for whole.
  archive "$root" >"$work/initramfs-programs.cpio"
  mv "$work/initramfs-programs.cpio" "$out/initramfs-programs.cpio"
}

# workloads: the archive of the program for timing, and of the gzip that it runs.
workloads() {
  fetch gzip
  libraries gzip
  root="$work/workloads"
  mkdir -p "$root/bin" "$root/dev" "$root/lib/x86_64-linux-gnu" "$root/lib64" "$root/tmp"
  cp testroms/workloads/workloads.elf "$root/init"
  for file in "$work"/gzip/bin/gzip "$work"/gzip/usr/bin/gzip; do
    if [ -f "$file" ]; then cp "$file" "$root/bin/gzip"; fi
  done
  objects "$root/bin/gzip" >"$work/objects" || { echo "$0: a library of gzip is in no package fetched" >&2; exit 1; }
  while read -r name; do
    cp "$libraries/$name" "$root/lib/x86_64-linux-gnu/"
  done <"$work/objects"
  cp "$loader" "$root/lib64/ld-linux-x86-64.so.2"
  chmod 755 "$root/lib64/ld-linux-x86-64.so.2" "$root/init" "$root/bin/gzip"
  archive "$root" >"$work/initramfs-workloads.cpio"
  mv "$work/initramfs-workloads.cpio" "$out/initramfs-workloads.cpio"
}

fetch_busybox

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
if [ $programs = yes ]; then programs; fi
if [ $workloads = yes ]; then workloads; fi
ls -l "$out"
