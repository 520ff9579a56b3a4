#!/bin/sh
# Compares the disassembler with those of the GNU and LLVM tools: lengths and mnemonics of every row with every
# register and prefix, of random bytes, and of whole programs. Takes some minutes, after a build of the tests.
#
#   Scripts/compare-disassembly.sh [-n CASES] [FILE ...]
#
# CASES random strings for each tool and mode (200,000, which are a million in all); FILE are ELF files for
# x86-64, by default /bin/busybox if it is there. Where kernels of Scripts/fetch-debian-guest.sh lie (.build/guests
# or APUS_DEBIAN_GUEST) and lz4 and xz are installed, the kernels in them are compared too.
set -eu
cd "$(dirname "$0")/.."

cases=200000
while getopts n: option; do
  case $option in
    n) cases=$OPTARG ;;
    *) echo "usage: Scripts/compare-disassembly.sh [-n CASES] [FILE ...]" >&2; exit 2 ;;
  esac
done
shift $((OPTIND - 1))
command -v objdump >/dev/null || { echo "compare-disassembly: no objdump" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
files=
for file in "$@"; do files="$files${files:+:}$file"; done
if [ $# -eq 0 ] && [ -r /bin/busybox ]; then files=/bin/busybox; fi

# The payload of a bzImage: setup_sects at 1F1h, payload_offset and payload_length at 248h and 24Ch (Linux,
# Documentation/arch/x86/boot.rst). Its last four bytes are the size after decompression.
number() { od -A n -t u4 -j "$2" -N 4 "$1" | tr -d ' '; }
guests=${APUS_DEBIAN_GUEST:-.build/guests}
for image in "$guests"/vmlinuz-*; do
  [ -r "$image" ] || continue
  sectors=$(od -A n -t u1 -j 497 -N 1 "$image" | tr -d ' ')
  start=$(((sectors + 1) * 512 + $(number "$image" 584)))
  length=$(($(number "$image" 588) - 4))
  kernel=$work/$(basename "$image")
  tail -c +$((start + 1)) "$image" | head -c "$length" >"$work/payload"
  case $(od -A n -t x1 -N 2 "$work/payload" | tr -d ' ') in
    0221) tool=lz4 ;;
    fd37) tool=xz ;;
    *) continue ;;
  esac
  command -v $tool >/dev/null || { echo "no $tool: without $image"; continue; }
  $tool -dc <"$work/payload" >"$kernel" 2>/dev/null || true
  files="$files${files:+:}$kernel"
done

export APUS_DISASSEMBLY_CASES="$cases" APUS_DISASSEMBLY_FILES="$files"
swift test -c release --filter ComparisonTests ${APUS_TEST_OPTIONS:-} | grep -v ' started\.$'
