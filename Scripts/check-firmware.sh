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

run() {  # name, monitor commands (a file), QEMU options
  name=$1
  commands=$2
  shift 2
  # The commands come when the guest has had time to start.
  { sleep 2; while read -r line; do echo "$line"; sleep 0.2; done < "$commands"; sleep 8; } |
    timeout 20 qemu-system-x86_64 -M pc -accel tcg -m 64M -bios firmware/bios.bin \
      -device VGA,romfile= -vga none -display none -nic none \
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
cp testroms/bios/services.img testroms/bios/keys.img testroms/bios/input.img "$out"
# A whole diskette and a small disk, as the images are only their first sectors.
cp "$out/services.img" "$out/floppy.img"
truncate -s 1474560 "$out/floppy.img"
cp "$out/services.img" "$out/disk.img"
truncate -s 16M "$out/disk.img"
truncate -s 1474560 "$out/keys.img"

run services-floppy "$out/nothing" -boot a -drive if=floppy,format=raw,file="$out/floppy.img"
run services-disk "$out/nothing" -boot c -drive if=ide,format=raw,file="$out/disk.img"
run keys "$out/keys" -boot a -drive if=floppy,format=raw,file="$out/keys.img"
run input "$out/input" -boot c -drive if=ide,format=raw,file="$out/input.img"
if command -v xorriso > /dev/null; then
  mkdir "$out/iso"
  cp "$out/floppy.img" "$out/iso/"
  xorriso -as mkisofs -quiet -o "$out/emulated.iso" -b floppy.img "$out/iso" > /dev/null 2>&1
  run services-torito "$out/nothing" -boot d -cdrom "$out/emulated.iso"
fi
[ "$different" = 0 ] || exit 1
[ "$record" = yes ] || echo "firmware: the boot images say what is expected"
