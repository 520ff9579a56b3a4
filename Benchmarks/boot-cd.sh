#!/usr/bin/env bash
# Times a cold start from a GRUB CD to a message from user space, in Apus and, if it is installed, in QEMU's TCG: CPU
# time of the whole process, user and system mode. The CD is the one that Scripts/fetch-boot-media.sh makes. Apus runs
# with our firmware; QEMU with SeaBIOS and with our firmware. GRUB waits for a second in its menu.
#
# Usage: Benchmarks/boot-cd.sh [--runs N] [--cpu K] [MEDIA_DIRECTORY]
#
#   --runs N         boot with each N times (default 3)
#   --cpu K          pin the emulators to this host CPU (default: the last one this process may use)
#   MEDIA_DIRECTORY  default: .build/media of the package
#
# Runs what `swift build -c release --product apus` built; APUS names another binary. Prints medians with the
# fastest and slowest run, and the ratios of the medians to that of QEMU with SeaBIOS.
# Exit status: 0 all is well, 1 a boot failed or something is missing, 2 usage.
set -eu
export LC_ALL=C
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/Benchmarks/process-time.sh"

runs=3
options "$@"
media=${directory:-$root/.build/media}
apus=${APUS:-$root/.build/release/apus}
bios=$root/firmware/bios.bin
[ -x "$apus" ] || fail "$apus is not there; run: swift build -c release --product apus"
[ -f "$media/grub.iso" ] || fail "$media/grub.iso is not there; run: Scripts/fetch-boot-media.sh $media"
pin

names=(apus)
if command -v qemu-system-x86_64 >/dev/null; then
  names+=(qemu-seabios qemu-our-bios)
  qemu-system-x86_64 --version | head -n 1
else
  echo "qemu-system-x86_64 is not installed: Apus alone"
fi

# boot NAME: boots once and sets `seconds` to the CPU time.
boot() {
  local qemu=(qemu-system-x86_64 -accel tcg -m 256M -cdrom "$media/grub.iso" -boot d -display none -serial stdio
    -no-reboot -nic none)
  case $1 in
  apus)
    time_process "$apus" --bios "$bios" -m 256M --cdrom "$media/grub.iso" -boot order=d --display none --no-reboot
    ;;
  qemu-seabios) time_process "${qemu[@]}" ;;
  qemu-our-bios) time_process "${qemu[@]}" -bios "$bios" -device VGA,romfile= -vga none ;;
  esac
  if [ "$status" -ne 0 ] || ! grep -aq APUS-BOOT-OK "$work/output"; then
    tail -n 20 "$work/output" >&2
    fail "$1 did not boot the CD: exit status $status (124: no end after 600 s), output above"
  fi
}

# By turns, so that a host that is slow for a while slows all.
for ((run = 0; run < runs; run++)); do
  for name in "${names[@]}"; do
    boot "$name"
    echo "$seconds" >>"$work/times-$name"
  done
done

printf '\n%-16s %-24s %s\n' emulator 'CPU s' 'ratio'
for name in "${names[@]}"; do
  ratio=
  [ ! -f "$work/times-qemu-seabios" ] ||
    ratio=$(echo "$(median <"$work/times-$name") $(median <"$work/times-qemu-seabios")" |
      awk '{ printf "%.2f", $1 / $2 }')
  printf '%-16s %-24s %s\n' "$name" "$(summary <"$work/times-$name")" "$ratio"
done
