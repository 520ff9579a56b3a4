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

fail() { echo "$0: $*" >&2; exit 1; }
usage() {
  [ $# -eq 0 ] || echo "$0: $*" >&2
  echo "usage: $0 [--runs N] [--cpu K] [GUEST_DIRECTORY]" >&2
  exit 2
}

runs=5
cpu=
guests=
while [ $# -gt 0 ]; do
  case $1 in
  --runs | --cpu)
    [ $# -ge 2 ] || usage "$1: a number is missing"
    case $2 in *[!0-9]* | '') usage "$1: '$2' is not a number" ;; esac
    if [ "$1" = --runs ]; then runs=$2; else cpu=$2; fi
    shift
    ;;
  --help) sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//;p;}' "$0"; exit 0 ;;
  -*) usage "unknown option '$1'" ;;
  *)
    [ -z "$guests" ] || usage "more than one directory: '$guests' and '$1'"
    guests=$1
    ;;
  esac
  shift
done
[ "$runs" -ge 1 ] || usage "--runs: at least 1"

guests=${guests:-$root/.build/guests}
apus=${APUS:-$root/.build/release/apus}
initrd=$guests/initramfs-message.cpio
[ -x "$apus" ] || fail "$apus is not there; run: swift build -c release --product apus"
for file in "$guests/vmlinuz-cloud" "$initrd"; do
  [ -f "$file" ] || fail "$file is not there; run: Scripts/fetch-debian-guest.sh $guests"
done

# What stands before each command: an end to a boot that hangs, and the pinning.
prefix=()
if command -v timeout >/dev/null; then prefix+=(timeout 600); fi
if command -v taskset >/dev/null; then
  [ -n "$cpu" ] || cpu=$(taskset -cp $$ | sed 's/.*[^0-9]//')
  taskset -c "$cpu" true 2>/dev/null || fail "--cpu $cpu: this process may not run there"
  prefix+=(taskset -c "$cpu")
  echo "pinned to CPU $cpu, $runs runs"
else
  [ -z "$cpu" ] || fail "--cpu needs taskset, which is not installed"
  echo "not pinned (taskset is not installed), $runs runs"
fi

qemu=
if command -v qemu-system-x86_64 >/dev/null; then
  qemu=qemu-system-x86_64
  $qemu --version | head -n 1
else
  echo "qemu-system-x86_64 is not installed: Apus alone"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
append="console=ttyS0 quiet"

# boot EMULATOR KERNEL: boots once and sets `seconds` to the CPU time.
boot() {
  local status=0 command
  if [ "$1" = apus ]; then
    command=("$apus" --kernel "$2" --initrd "$initrd" --append "$append" -m 256M)
  else
    command=($qemu -accel tcg -m 256M -kernel "$2" -initrd "$initrd" -append "$append"
      -nographic -no-reboot -nic none)
  fi
  local TIMEFORMAT='%U %S'
  # The shell writes the times to its own standard error, after the command's has been redirected.
  command=(${prefix[@]+"${prefix[@]}"} "${command[@]}")
  { time "${command[@]}" </dev/null >"$work/output" 2>&1; } 2>"$work/time" || status=$?
  if [ $status -ne 0 ] || ! grep -q APUS-BOOT-OK "$work/output"; then
    tail -n 20 "$work/output" >&2
    fail "$1 did not boot $2: exit status $status (124: no end after 600 s), output above"
  fi
  seconds=$(awk 'END { printf "%.3f", $1 + $2 }' "$work/time")
}

# summary: the median, least and greatest of the numbers on standard input.
summary() {
  sort -n | awk '
    { v[NR] = $1 }
    END { printf "%.2f (%.2f-%.2f)", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2, v[1], v[NR] }'
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
