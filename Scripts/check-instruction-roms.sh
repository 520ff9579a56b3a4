#!/bin/sh
# Runs the tests of testroms/instructions on this machine's processor and compares with testroms/instructions/expected.
#
#   Scripts/check-instruction-roms.sh            compares
#   Scripts/check-instruction-roms.sh --record   writes the expected files, real mode's from QEMU
#
# Goes without what the machine cannot do: anything but Linux on x86-64, processors without an instruction that
# is tested, kernels without 32-bit programs. Needs the Swift toolchain, as Scripts/build-testroms.sh does.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."
record=no
case "${1:-}" in
  '') ;;
  --record) record=yes ;;
  *) echo "usage: Scripts/check-instruction-roms.sh [--record]" >&2; exit 2 ;;
esac

skip() {
  echo "instruction tests: $1; not compared with a processor"
  exit 0
}
[ "$(uname -sm)" = "Linux x86_64" ] || skip "this is not Linux on x86-64"
for feature in abm bmi1 clflushopt cx16 fsgsbase invpcid movbe popcnt rdpid rdtscp xsaves; do
  grep -m 1 '^flags' /proc/cpuinfo | grep -qw "$feature" || skip "this processor has no $feature"
done

resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath" *: *"\(.*\)".*/\1/p' | head -n 1)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
testroms/instructions/build.sh "$resources/../../bin" "$out"

expected=testroms/instructions/expected
[ "$record" = no ] || mkdir -p "$expected"
different=0
result() {  # name, who
  if [ "$record" = yes ]; then
    { echo "# $2"; cat "$out/$1.txt"; } > "$expected/$1.txt"
  elif ! grep -v '^#' "$expected/$1.txt" | diff - "$out/$1.txt" > "$out/diff"; then
    echo "instruction tests: $1 differs from what is expected (<) on this processor (>)" >&2
    cat "$out/diff" >&2
    different=1
  fi
}

processor=$(sed -n 's/^vendor_id[^:]*: *//p' /proc/cpuinfo | head -n 1)
family=$(sed -n 's/^cpu family[^:]*: *//p' /proc/cpuinfo | head -n 1)
for name in onebyte twobyte threebyte simd x87 protected; do
  if "$out/$name.linux" > "$out/$name.txt"; then
    result $name "From a processor: $processor, family $family, under Linux."
  elif [ $name = protected ]; then
    echo "instruction tests: no 32-bit programs here; 32-bit mode not compared"
  else
    echo "instruction tests: $name ended before its time" >&2
    different=1
  fi
done

if [ "$record" = yes ]; then
  # isa-debug-exit turns a guest's 0 into 1.
  qemu-system-x86_64 -accel tcg -cpu max -m 64M -kernel "$out/real.elf" -nographic -no-reboot -nic none \
    -display none -serial null -monitor none -debugcon "file:$out/real.txt" \
    -device isa-debug-exit,iobase=0xf4,iosize=0x4 > "$out/log" || [ $? = 1 ]
  result real "From QEMU $(qemu-system-x86_64 --version | sed -n 's/.*version \([0-9.]*\).*/\1/p'), TCG."
fi
[ "$different" = 0 ] || exit 1
[ "$record" = yes ] || echo "instruction tests: this processor prints what is expected"
