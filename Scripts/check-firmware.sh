#!/bin/sh
# Boots the images of testroms/bios under QEMU with firmware/bios.bin and compares what they say at port E9h
# with testroms/bios/*.txt.
#
#   Scripts/check-firmware.sh            compare
#   Scripts/check-firmware.sh --record   write the expected texts
#
# Needs qemu-system-x86_64; without it nothing is checked, and the script says so.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."

record=no
case "${1:-}" in
  '') ;;
  --record) record=yes ;;
  *) echo "usage: Scripts/check-firmware.sh [--record]" >&2; exit 2 ;;
esac
if ! command -v qemu-system-x86_64 > /dev/null; then
  echo "check-firmware: no qemu-system-x86_64 here; skipped"
  exit 0
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
different=0

run() {  # name, monitor commands (a file), the text that ends the wait, QEMU options
  name=$1
  commands=$2
  last=$3
  shift 3
  : > "$out/$name.txt"
  # The commands come when the guest has had time to start.
  # Keys are held for 0.3 s, so that a busy host's guest still finds the shift keys down.
  { sleep 2
    while read -r line; do
      case $line in sendkey*) line="$line 300" ;; esac
      echo "$line"
      sleep 0.5
    done < "$commands"
    tries=0
    while [ $tries -lt 60 ] && ! grep -q "$last" "$out/$name.txt"; do sleep 0.2; tries=$((tries + 1)); done
    sleep 0.5
    echo quit; } |
    timeout 40 qemu-system-x86_64 -M pc -accel tcg -m 64M -bios firmware/bios.bin \
      -device VGA,romfile= -vga none -display none -nic none -serial none \
      -no-reboot -rtc base=2026-01-01T12:00:00 -monitor stdio \
      -device isa-debug-exit,iobase=0xf4,iosize=0x4 -debugcon "file:$out/$name.txt" "$@" \
      > "$out/$name.log" 2>&1 || true
  if [ "$record" = yes ]; then
    cp "$out/$name.txt" "testroms/bios/$name.txt"
  elif ! diff -u "testroms/bios/$name.txt" "$out/$name.txt"; then
    echo "check-firmware: $name differs" >&2
    different=1
  fi
}

: > "$out/nothing"
cat > "$out/keys" <<'KEYS'
sendkey a
sendkey shift-a
sendkey ctrl-c
sendkey alt-x
sendkey f1
sendkey shift-f12
sendkey up
sendkey ctrl-home
sendkey kp_7
sendkey caps_lock
sendkey q
sendkey num_lock
sendkey kp_7
sendkey ret
sendkey esc
KEYS
cat > "$out/input" <<'KEYS'
sendkey a
sendkey f12
sendkey up
mouse_move 10 5
mouse_move -300 20
mouse_move 0 0 1
mouse_button 1
mouse_button 0
sendkey tab
sendkey up
sendkey f12
sendkey esc
KEYS
cat > "$out/menu" <<'KEYS'
sendkey f12
sendkey f12
sendkey f12
sendkey 7
sendkey 1
KEYS
cp testroms/bios/*.img "$out"
# A whole diskette and small disks, as the images are only their first sectors.
cp "$out/services.img" "$out/floppy.img"
truncate -s 1474560 "$out/floppy.img"
cp "$out/services.img" "$out/services-disk.img"
truncate -s 16M "$out/services-disk.img"
truncate -s 4M "$out/disk.img"
truncate -s 1474560 "$out/keys.img"
truncate -s 1M "$out/empty.img"

disk() { echo "if=ide,format=raw,file=$out/$1.img"; }
run services-floppy "$out/nothing" done -boot a -drive if=floppy,format=raw,file="$out/floppy.img"
run services-disk "$out/nothing" done -boot c -drive "$(disk services-disk)"
run disk "$out/nothing" done -boot c -drive "$(disk disk)"
run keys "$out/keys" 011B -boot a -drive if=floppy,format=raw,file="$out/keys.img"
run input "$out/input" end -boot c -drive "$(disk input)"
run power "$out/nothing" "still on" -boot c -drive "$(disk power)"
run fuzz "$out/nothing" done -boot c -drive "$(disk fuzz)"
run torito "$out/nothing" done -boot d -cdrom "$out/torito.img"
if command -v xorriso > /dev/null; then
  mkdir "$out/iso"
  cp "$out/floppy.img" "$out/iso/"
  xorriso -as mkisofs -quiet -o "$out/emulated.iso" -b floppy.img "$out/iso" > /dev/null 2>&1
  run services-torito "$out/nothing" done -boot d -cdrom "$out/emulated.iso"
fi

# CD-ROMs that differ from torito.img in a byte or a few: file, place, bytes for printf.
change() {
  [ -f "$out/$1.img" ] || cp "$out/torito.img" "$out/$1.img"
  # shellcheck disable=SC2059  # The bytes are a format, as only that has octal escapes.
  printf "$3" | dd of="$out/$1.img" bs=1 seek=$(($2)) conv=notrunc 2> /dev/null
}
block=2048
change cd-section "19 * $block + 32" '\000'
change cd-no-record "17 * $block + 7" 'XX'
change cd-beyond "17 * $block + 71" '\377\377\377\000'
change cd-damaged "19 * $block + 28" '\001'
change cd-no-entry "19 * $block + 32" '\000'
change cd-no-entry "20 * $block + 64" '\000'
change cd-kind "19 * $block + 33" '\007'
change cd-no-image "19 * $block + 40" '\377\377\377\000'
run cd-section "$out/nothing" done -boot d -cdrom "$out/cd-section.img"
for name in cd-no-record cd-beyond cd-damaged cd-no-entry cd-kind cd-no-image; do
  run "$name" "$out/nothing" "try again" -boot d -cdrom "$out/$name.img"
done
run boot-nothing "$out/nothing" "try again" -boot order=acd
run boot-empty "$out/nothing" "try again" -boot order=cd -drive "$(disk empty)"
run boot-menu "$out/menu" "try again" -boot menu=on -drive "$(disk empty)" -cdrom "$out/torito.img"

[ "$different" = 0 ] || exit 1
[ "$record" = yes ] || echo "firmware: the boot images say what is expected"
