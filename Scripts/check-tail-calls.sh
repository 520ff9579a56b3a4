#!/usr/bin/env bash
# Proves by disassembly that the threaded handlers leave by a jump: a handler that calls its successor would
# grow the stack with every instruction of the guest. Needs a release build and the toolchain's llvm-objdump.
set -eu
cd "$(dirname "$0")/.."
build=$(swift build -c release --show-bin-path)
tools=$(dirname "$(readlink -f "$(command -v swiftc)")")
objdump="$tools/llvm-objdump"
bad=0
for object in "$build"/ApusCPU.build/FastStamps*.swift.o "$build"/ApusCPU.build/RunStamps*.swift.o; do
  found=$("$objdump" -d --no-show-raw-insn "$object" | awk -v file="$(basename "$object")" '
    /^[0-9a-f]+ </ { name = $2 }
    name ~ /(fast|run)Stamps.*cfU/ && $NF ~ /^ret/ { print file ": " name " returns" }' | sort -u)
  if [ -n "$found" ]; then
    printf '%s\n' "$found"
    bad=1
  fi
done
if [ "$bad" != 0 ]; then
  echo "threaded handlers that return (or were merged into a call)"
  exit 1
fi
echo "every threaded handler ends in a jump"
