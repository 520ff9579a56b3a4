#!/usr/bin/env bash
# Times the boot of stock Debian kernels to a message from user space, in Apus and, if it is installed, in
# QEMU's TCG: CPU time of the whole process, user and system mode. The guests are those that
# Scripts/fetch-debian-guest.sh fetches: the cloud kernel, and the generic one if it is there (--generic).
#
# Usage: Benchmarks/linux-boot.sh [--runs N] [--cpu K] [GUEST_DIRECTORY]
#
#   --runs N         boot each kernel N times (default 5)
#   --cpu K          pin both emulators to this host CPU (default: the last one this process may use)
#   GUEST_DIRECTORY  default: .build/guests of the package
#
# Runs what `swift build -c release --product apus` built; APUS names another binary. Prints medians with the
# fastest and slowest run, and the ratio of the medians with the smallest and largest ratio of one round.
# Exit status: 0 all is well, 1 a boot failed or something is missing, 2 usage.
set -eu
export LC_ALL=C
root=$(cd "$(dirname "$0")/.." && pwd)

. "$root/Benchmarks/process-time.sh"

runs=5
options "$@"
guests=${directory:-$root/.build/guests}
apus=${APUS:-$root/.build/release/apus}
initrd=$guests/initramfs-message.cpio
[ -x "$apus" ] || fail "$apus is not there; run: swift build -c release --product apus"
for file in "$guests/vmlinuz-cloud" "$initrd"; do
  [ -f "$file" ] || fail "$file is not there; run: Scripts/fetch-debian-guest.sh $guests"
done

pin

qemu=
if command -v qemu-system-x86_64 >/dev/null; then
  qemu=qemu-system-x86_64
  $qemu --version | head -n 1
else
  echo "qemu-system-x86_64 is not installed: Apus alone"
fi

append="console=ttyS0 quiet"

# boot EMULATOR KERNEL: boots once and sets `seconds` to the CPU time.
boot() {
  if [ "$1" = apus ]; then
    time_process "$apus" --kernel "$2" --initrd "$initrd" --append "$append" -m 256M
  else
    time_process $qemu -accel tcg -m 256M -kernel "$2" -initrd "$initrd" -append "$append" \
      -nographic -no-reboot -nic none
  fi
  if [ $status -ne 0 ] || ! grep -q APUS-BOOT-OK "$work/output"; then
    tail -n 20 "$work/output" >&2
    fail "$1 did not boot $2: exit status $status (124: no end after 600 s), output above"
  fi
}

printf '\n%-16s %-22s' kernel 'Apus CPU s'
[ -z "$qemu" ] || printf ' %-22s %s' 'QEMU TCG CPU s' 'Apus / QEMU'
printf '\n'
for name in vmlinuz-cloud vmlinuz-amd64; do
  kernel=$guests/$name
  [ -f "$kernel" ] || continue
  : >"$work/times"
  # By turns, so that a host that is slow for a while slows both.
  for ((run = 0; run < runs; run++)); do
    boot apus "$kernel"
    times=$seconds
    if [ -n "$qemu" ]; then
      boot qemu "$kernel"
      times="$times $seconds"
    fi
    echo "$times" >>"$work/times"
  done
  printf '%-16s %-22s' "$name" "$(awk '{ print $1 }' "$work/times" | summary)"
  if [ -n "$qemu" ]; then
    ratio=$(
      { awk '{ print $1 }' "$work/times" | summary; echo; awk '{ print $2 }' "$work/times" | summary; echo
        awk '{ print $1 / $2 }' "$work/times" | summary; echo; } |
        awk 'NR == 1 { a = $1 } NR == 2 { q = $1 } NR == 3 { printf "%.2f %s", a / q, $2 }')
    printf ' %-22s %s' "$(awk '{ print $2 }' "$work/times" | summary)" "$ratio"
  fi
  printf '\n'
done
