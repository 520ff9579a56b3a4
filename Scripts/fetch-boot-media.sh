#!/bin/sh
# Makes media that a PC boots from, of Debian's own packages, in a directory:
#
#   grub.iso         a GRUB rescue CD. Its menu: Debian's kernel with a message, the installation of it on the first
#                    disk, Memtest86+, GRUB Invaders, GNU Mach, iPXE, MEMDISK with a floppy disk, the first disk
#   grub.img         a floppy disk with GRUB: Memtest86+, GRUB Invaders, the first disk
#   isolinux.iso     ISOLINUX with a menu: the kernel, the hardware detection tool, MEMDISK; boots as a disk, too
#   syslinux.img     a floppy disk with SYSLINUX and a menu
#   emulated.iso     a CD that boots the image of a floppy disk
#   memtest.iso, memtest.bin    Memtest86+, as a CD and as a kernel
#   ipxe.iso, ipxe.lkrn         iPXE, the same
#   invaders.elf, gnumach.elf   multiboot kernels: GRUB Invaders, GNU Mach
#   installer.iso    Debian's installer in text mode, or with `framebuffer` typed at the prompt in graphics (only
#                    with --installer: 130 MB to fetch)
#
# Usage: Scripts/fetch-boot-media.sh [--installer] [DIRECTORY]     (default: .build/media)
#
# Needs a Debian or Ubuntu host (apt-get, dpkg-deb) whose package lists are up to date and offer these packages,
# and the programs of the packages grub-common, xorriso, mtools and syslinux; no root.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."

installer=no
while :; do
  case "${1:-}" in
  --installer) installer=yes ;;
  -*) echo "usage: $0 [--installer] [DIRECTORY]" >&2; exit 2 ;;
  *) break ;;
  esac
  shift
done
out=${1:-.build/media}
for tool in grub-mkrescue grub-mkimage xorriso mformat mcopy syslinux; do
  command -v $tool >/dev/null ||
    { echo "$0: $tool is missing; apt-get install grub-common xorriso mtools syslinux" >&2; exit 1; }
done
mkdir -p "$out/packages"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

. Scripts/debian-packages.sh

# init DIRECTORY: what the guests start with; the variable `task` of the command line says what it does.
init() {
  cat >"$1/init" <<'INIT'
#!/bin/sh
export PATH=/bin:/sbin HOME=/root TERM=linux
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
# To the screen and the serial port, of which only one is /dev/console.
say() { for console in tty0 ttyS0; do echo "$*" >/dev/$console; done; }
die() { say "APUS-FAILED $*"; tail -n 20 /tmp/log >/dev/ttyS0; poweroff -f; }
for module in ata_piix sd_mod sr_mod isofs ext4; do
  [ ! -d /lib/modules ] || modprobe $module
done
case $task in
message)
  say APUS-BOOT-OK $(uname -sr)
  ;;
install)
  say APUS-INSTALLING
  # With their paths, because busybox's shell prefers the programs that it contains itself.
  {
    echo '2048,,L,*' | /sbin/sfdisk --label dos /dev/sda && mdev -s
    /sbin/mke2fs -q -t ext4 /dev/sda1 && mount -t ext4 /dev/sda1 /mnt
  } >/tmp/log 2>&1 || die disk
  mkdir /cdrom
  mount -t iso9660 -o ro /dev/sr0 /cdrom || die CD
  cd /mnt
  mkdir -p bin boot/grub dev etc proc root sbin sys tmp
  cp -a /bin/. bin
  cp /cdrom/vmlinuz /cdrom/disk.cpio boot
  cp /etc/grub.cfg boot/grub
  cp /etc/start sbin/init
  cd /
  grub-install --target=i386-pc --boot-directory=/mnt/boot --locales= --themes= --fonts= /dev/sda >/tmp/log 2>&1 ||
    die grub-install
  umount /mnt || die umount
  say APUS-INSTALLED
  ;;
disk)
  mount -t ext4 /dev/sda1 /mnt || die mount
  exec switch_root /mnt /sbin/init
  ;;
esac
poweroff -f
INIT
  chmod 755 "$1/init"
}

# pack NAME: the tree of that name as an archive.
pack() { archive "$work/$1" >"$work/$1.cpio"; }

fetch_busybox
kernel=$(kernel_package linux-image-cloud-amd64)
[ -n "$kernel" ] || { echo "$0: linux-image-cloud-amd64 names no kernel; is apt-get update needed?" >&2; exit 1; }
fetch "$kernel"
release=${kernel#linux-image-}
for package in grub-pc-bin grub-common grub2-common fdisk e2fsprogs memtest86+ ipxe grub-invaders \
  gnumach-image-1-486 isolinux syslinux-common; do
  fetch $package
done
gnumach=$(apt-cache depends gnumach-image-1-486 | sed -n 's/^ *Depends: //p' | head -n 1)
fetch "$gnumach"
modules_directory="$work/grub-pc-bin/usr/lib/grub/i386-pc"

skeleton "$work/message"
init "$work/message"
pack message

wanted='ata_piix sd_mod sr_mod isofs ext4 crc32c_generic crc32c_intel'
skeleton "$work/disk"
init "$work/disk"
modules "$work/$kernel" "$release" "$work/disk"
pack disk

# The programs that partition, format and install, with their libraries, as Debian has them.
libraries fdisk e2fsprogs grub2-common
cp -R "$work/disk" "$work/install"
root="$work/install"
mkdir -p "$root/lib64" "$root/lib/x86_64-linux-gnu" "$root/usr/lib/grub"
for file in fdisk/sbin/sfdisk e2fsprogs/sbin/mke2fs grub2-common/usr/sbin/grub-install; do
  [ -f "$work/$file" ] || file=$(echo "$file" | sed 's|/sbin/|/usr/sbin/|')
  cp "$work/$file" "$root/sbin/"
done
for file in "$root"/sbin/*; do
  objects "$file" || { echo "$0: a library of $file is in no package fetched" >&2; exit 1; }
done >"$work/objects"
sort -u "$work/objects" | while read -r name; do
  cp "$libraries/$name" "$root/lib/x86_64-linux-gnu/"
done
cp "$loader" "$root/lib64/ld-linux-x86-64.so.2"
chmod 755 "$root/lib64/ld-linux-x86-64.so.2" "$root"/sbin/*
cp "$work/e2fsprogs/etc/mke2fs.conf" "$root/etc/"
cp -R "$modules_directory" "$root/usr/lib/grub/"
cat >"$root/etc/grub.cfg" <<'CONFIG'
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=1
menuentry "Debian on the disk" {
  linux /boot/vmlinuz console=ttyS0 console=tty0 quiet task=disk
  initrd /boot/disk.cpio
}
CONFIG
cat >"$root/etc/start" <<'START'
#!/bin/sh
export PATH=/bin:/sbin HOME=/root TERM=linux
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -o remount,rw /
cd
echo APUS-DISK-READY | tee /dev/ttyS0
setsid cttyhack sh
umount -r /
poweroff -f
START
chmod 755 "$root/etc/start"
pack install

cp "$work/memtest86+/boot/memtest86+x64.bin" "$out/memtest.bin"
cp "$work/memtest86+/usr/lib/memtest86+/memtest86+x64.iso" "$out/memtest.iso"
cp "$work/ipxe/boot/ipxe.lkrn" "$out/ipxe.lkrn"
cp "$work/ipxe/usr/lib/ipxe/ipxe.iso" "$out/ipxe.iso"
cp "$work/grub-invaders/boot/invaders.exec" "$out/invaders.elf"
gzip -dc "$work/$gnumach"/boot/gnumach-*.gz >"$out/gnumach.elf"

# floppy FILE BOOT_SECTORS: an empty floppy disk, with that many sectors before its FAT.
floppy() {
  rm -f "$1"
  mformat -i "$1" -C -f 1440 -R "$2" -v APUS ::
}

# with_dependencies MODULE...: GRUB's modules and those that they need.
with_dependencies() {
  awk -v chosen="$*" '
    { name = $1; sub(/:$/, "", name); $1 = ""; needs[name] = $0 }
    END {
      count = split(chosen, queue)
      for (i = 1; i <= count; i++) {
        if (queue[i] in seen) continue
        seen[queue[i]] = 1
        print queue[i]
        more = split(needs[queue[i]], names)
        for (j = 1; j <= more; j++) queue[++count] = names[j]
      }
    }' "$modules_directory/moddep.lst"
}

# GRUB's core lies in the sectors that the file system leaves free.
grub-mkimage -d "$modules_directory" -O i386-pc -o "$work/core.img" -p '(fd0)/grub' biosdisk fat
floppy "$out/grub.img" $((($(wc -c <"$work/core.img") + 511) / 512 + 1))
cat >"$work/floppy.cfg" <<'CONFIG'
set timeout=1
menuentry "Memtest86+" { linux16 /memtest.bin }
menuentry "GRUB Invaders" { multiboot /invaders.elf }
menuentry "The first disk" { set root=(hd0); chainloader +1 }
CONFIG
mcopy -i "$out/grub.img" "$out/memtest.bin" "$out/invaders.elf" ::
mmd -i "$out/grub.img" ::/grub ::/grub/i386-pc
mcopy -i "$out/grub.img" "$work/floppy.cfg" ::/grub/grub.cfg
for name in $(with_dependencies normal linux16 multiboot chain part_msdos); do
  mcopy -i "$out/grub.img" "$modules_directory/$name.mod" ::/grub/i386-pc/
done
mcopy -i "$out/grub.img" "$modules_directory"/*.lst ::/grub/i386-pc/
# The boot sector around the file system's parameters (bytes 11 to 89), and the core.
dd if="$modules_directory/boot.img" of="$out/grub.img" conv=notrunc bs=1 count=3 2>/dev/null
dd if="$modules_directory/boot.img" of="$out/grub.img" conv=notrunc bs=1 skip=90 seek=90 count=422 2>/dev/null
dd if="$work/core.img" of="$out/grub.img" conv=notrunc bs=512 seek=1 2>/dev/null

# SYSLINUX's modules for its menus.
linux_modules="$work/syslinux-common/usr/lib/syslinux/modules/bios"
[ -d "$linux_modules" ] || { echo "$0: syslinux-common has its modules elsewhere" >&2; exit 1; }
floppy "$out/syslinux.img" 1
cat >"$work/syslinux.cfg" <<'CONFIG'
UI menu.c32
MENU TITLE Apus floppy disk
TIMEOUT 20
LABEL memtest
  MENU LABEL Memtest86+
  LINUX memtest.bin
LABEL disk
  MENU LABEL The first disk
  COM32 chain.c32
  APPEND hd0
CONFIG
mcopy -i "$out/syslinux.img" "$work/syslinux.cfg" "$out/memtest.bin" "$linux_modules/menu.c32" \
  "$linux_modules/libutil.c32" "$linux_modules/libcom32.c32" "$linux_modules/chain.c32" ::
syslinux --install "$out/syslinux.img"

tree="$work/cd"
mkdir -p "$tree/boot/grub"
cp "$work/$kernel/boot/vmlinuz-$release" "$tree/vmlinuz"
cp "$work/message.cpio" "$work/disk.cpio" "$work/install.cpio" "$out/memtest.bin" "$out/invaders.elf" \
  "$out/gnumach.elf" "$out/ipxe.lkrn" "$work/syslinux-common/usr/lib/syslinux/memdisk" "$out/syslinux.img" "$tree/"
cat >"$tree/boot/grub/grub.cfg" <<'CONFIG'
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=1
menuentry "Debian" {
  linux /vmlinuz console=tty0 console=ttyS0 quiet task=message
  initrd /message.cpio
}
menuentry "Install on the first disk" {
  linux /vmlinuz console=tty0 console=ttyS0 quiet task=install
  initrd /install.cpio
}
menuentry "Memtest86+" { linux16 /memtest.bin }
menuentry "GRUB Invaders" { multiboot /invaders.elf }
menuentry "GNU Mach" { multiboot /gnumach.elf }
menuentry "iPXE" { linux16 /ipxe.lkrn }
menuentry "MEMDISK" { linux16 /memdisk; initrd16 /syslinux.img }
menuentry "The first disk" { set root=(hd0); chainloader +1 }
menuentry "Graphics" {
  insmod all_video; insmod gfxterm; set gfxmode=640x480; loadfont unicode; terminal_output gfxterm
}
CONFIG
grub-mkrescue -d "$modules_directory" --locales= --themes= -o "$out/grub.iso" "$tree" 2>"$work/log" ||
  { cat "$work/log" >&2; exit 1; }

tree="$work/isolinux-cd"
mkdir -p "$tree/isolinux"
cp "$work/isolinux/usr/lib/ISOLINUX/isolinux.bin" "$linux_modules"/*.c32 "$tree/isolinux/"
cp "$work/cd/vmlinuz" "$work/cd/message.cpio" "$work/cd/memdisk" "$out/grub.img" "$out/memtest.bin" "$tree/"
cat >"$tree/isolinux/isolinux.cfg" <<'CONFIG'
SERIAL 0 115200
UI menu.c32
MENU TITLE Apus CD
TIMEOUT 20
LABEL debian
  MENU LABEL Debian
  LINUX /vmlinuz
  INITRD /message.cpio
  APPEND console=tty0 console=ttyS0 quiet task=message
LABEL hdt
  MENU LABEL Hardware Detection Tool
  COM32 hdt.c32
LABEL memdisk
  MENU LABEL MEMDISK
  LINUX /memdisk
  INITRD /grub.img
LABEL graphics
  MENU LABEL Graphical menu
  COM32 vesamenu.c32
LABEL memtest
  MENU LABEL Memtest86+
  LINUX /memtest.bin
CONFIG
xorriso -as mkisofs -quiet -o "$out/isolinux.iso" -V APUS -J -R -b isolinux/isolinux.bin -c isolinux/boot.cat \
  -no-emul-boot -boot-load-size 4 -boot-info-table -isohybrid-mbr "$work/isolinux/usr/lib/ISOLINUX/isohdpfx.bin" \
  "$tree" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }

tree="$work/emulated-cd"
mkdir "$tree"
cp "$out/syslinux.img" "$tree/"
xorriso -as mkisofs -quiet -o "$out/emulated.iso" -V APUS -b syslinux.img -c boot.cat "$tree" 2>"$work/log" ||
  { cat "$work/log" >&2; exit 1; }

if [ $installer = yes ]; then
  fetch debian-installer-12-netboot-amd64
  images=usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64
  tree="$work/installer-cd"
  mkdir -p "$tree/isolinux"
  cp "$work/isolinux/usr/lib/ISOLINUX/isolinux.bin" "$linux_modules/ldlinux.c32" "$tree/isolinux/"
  cp "$work/debian-installer-12-netboot-amd64/$images/linux" "$tree/linux"
  cp "$work/debian-installer-12-netboot-amd64/$images/initrd.gz" "$tree/initrd.gz"
  # Without nomodeset the installer brings a driver that shows its text in graphics.
  cat >"$tree/isolinux/isolinux.cfg" <<'CONFIG'
PROMPT 1
TIMEOUT 50
DEFAULT text
LABEL text
  LINUX /linux
  INITRD /initrd.gz
  APPEND vga=normal nomodeset quiet
LABEL framebuffer
  LINUX /linux
  INITRD /initrd.gz
  APPEND vga=788 quiet
CONFIG
  xorriso -as mkisofs -quiet -o "$out/installer.iso" -V APUS -J -R -b isolinux/isolinux.bin -c isolinux/boot.cat \
    -no-emul-boot -boot-load-size 4 -boot-info-table "$tree" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
fi
chmod -R u+w "$out"
ls -l "$out"
