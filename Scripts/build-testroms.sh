#!/bin/sh
# Builds every image under testroms/ from its source, with the Swift toolchain's own swiftc, clang, ld.lld
# and llvm-objcopy, and the Swift file that embeds the built-in guest.
#
#   Scripts/build-testroms.sh           writes the images and the file
#   Scripts/build-testroms.sh --check   builds elsewhere and compares with what is committed
#
# Needs Swift 6.3 or later. The images depend on the compiler's version, which testroms/TOOLCHAIN records.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."
root=$PWD

check=no
case "${1:-}" in
  '') ;;
  --check) check=yes ;;
  *) echo "usage: Scripts/build-testroms.sh [--check]" >&2; exit 2 ;;
esac

# The toolchain's programs lie beside the real swiftc; a swiftc in PATH may be only a link or a proxy.
resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath" *: *"\(.*\)".*/\1/p' | head -n 1)
tools=$(cd "$resources/../../bin" && pwd)
for tool in swiftc clang ld.lld llvm-objcopy llvm-objdump; do
  [ -x "$tools/$tool" ] || { echo "build-testroms: $tools has no $tool" >&2; exit 1; }
done
version=$("$tools/swiftc" --version 2>/dev/null | sed -n 's/.*(\(swift-[^)]*\)).*/\1/p' | head -n 1)

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir -p "$out/teaching" "$out/benchmarks" "$out/workloads" "$out/instructions" "$out/work"

assemble() {  # source, object
  "$tools/clang" -target x86_64-unknown-none-elf -c "$1" -o "$2"
}

# Swift for a machine without an operating system. No red zone: interrupts arrive on the same stack.
compile() {  # module, object, further options and sources
  module=$1
  object=$2
  shift 2
  "$tools/swiftc" -target x86_64-unknown-none-elf -swift-version 6 -wmo -parse-as-library \
    -enable-experimental-feature Embedded -enable-experimental-feature Extern \
    -warnings-as-errors -module-name "$module" -Xfrontend -function-sections \
    -Xfrontend -disable-stack-protector -Xcc -mno-red-zone -c "$@" -o "$object"
}

general_registers="-Xcc -mno-sse -Xcc -mno-sse2 -Xcc -mno-mmx -Xcc -msoft-float"

# Fails if an object uses the red zone or, unless "$2" is sse2, an SSE register.
inspect() {
  pattern='\[rsp - '
  [ "${2:-}" = sse2 ] || pattern="$pattern|xmm"
  if "$tools/llvm-objdump" -d -M intel --no-show-raw-insn "$1" | grep -E "$pattern" >&2; then
    echo "build-testroms: $1 uses the red zone or SSE" >&2
    exit 1
  fi
}

build_teaching() {
  cd "$root/testroms/teaching"
  for source in *.S; do assemble "$source" "$out/work/teaching-${source%.S}.o"; done
  # shellcheck disable=SC2086
  compile teaching "$out/work/teaching-kernel.o" -Osize $general_registers ./*.swift
  inspect "$out/work/teaching-kernel.o"
  "$tools/ld.lld" -static --no-pie --gc-sections -z noexecstack -T teaching.ld \
    "$out"/work/teaching-*.o -o "$out/work/teaching.elf"
  "$tools/llvm-objcopy" -O binary --gap-fill=0xff "$out/work/teaching.elf" "$out/teaching/teaching.rom"
  size=$(wc -c < "$out/teaching/teaching.rom")
  if [ "$size" -ne 65536 ]; then
    echo "build-testroms: teaching.rom has $size bytes, not 65536" >&2
    exit 1
  fi
}

build_benchmarks() {
  cd "$root/testroms/benchmarks"
  for source in *.S; do assemble "$source" "$out/work/benchmarks-${source%.S}.o"; done
  # shellcheck disable=SC2086
  compile benchmarks "$out/work/benchmarks-main.o" -O $general_registers ./*.swift
  compile mandelbrot "$out/work/benchmarks-mandelbrot.o" -O sse2/Mandelbrot.swift
  inspect "$out/work/benchmarks-main.o"
  inspect "$out/work/benchmarks-mandelbrot.o" sse2
  "$tools/ld.lld" -static --no-pie --gc-sections -z noexecstack --strip-all -T benchmarks.ld \
    "$out"/work/benchmarks-*.o -o "$out/benchmarks/benchmarks.elf"
}

# A Linux program: it may use SSE registers.
build_workloads() {
  cd "$root/testroms/workloads"
  for source in *.S; do assemble "$source" "$out/work/workloads-${source%.S}.o"; done
  compile workloads "$out/work/workloads-main.o" -O ./*.swift
  "$tools/ld.lld" -static --no-pie --gc-sections -z noexecstack --strip-all -T workloads.ld \
    "$out"/work/workloads-*.o -o "$out/workloads/workloads.elf"
}

embed() {
  {
    cat <<'HEADER'
// Made by Scripts/build-testroms.sh from testroms/teaching/teaching.rom; not for reading or editing.
// swift-format-ignore-file

/// The guest that runs when no image is given: the ROM of testroms/teaching.
package enum BuiltInGuest {
  /// The ROM, 64 KiB, whose last 16 bytes hold the reset vector.
  package static func image() -> [UInt8] {
    guard let bytes = Base64.decode(text.description) else { preconditionFailure("the built-in guest is damaged") }
    return bytes
  }

HEADER
    printf '  private static let text: StaticString = "'
    base64 < "$out/teaching/teaching.rom" | tr -d '\n'
    printf '"\n}\n'
  } > "$out/BuiltInGuest.swift"
}

build_teaching
build_benchmarks
build_workloads
"$root/testroms/instructions/build.sh" "$tools" "$out/instructions"
embed
echo "$version" > "$out/TOOLCHAIN"

cd "$root"
different=0
place() {  # built file, committed file
  if [ "$check" = no ]; then
    cp "$1" "$2"
  elif ! cmp -s "$1" "$2"; then
    echo "build-testroms: $2 is not what its source builds" >&2
    different=1
  fi
}
place "$out/teaching/teaching.rom" testroms/teaching/teaching.rom
place "$out/benchmarks/benchmarks.elf" testroms/benchmarks/benchmarks.elf
place "$out/workloads/workloads.elf" testroms/workloads/workloads.elf
for image in "$out"/instructions/*.elf; do place "$image" "testroms/instructions/${image##*/}"; done
place "$out/BuiltInGuest.swift" Sources/ApusMachine/BuiltInGuest.swift
[ "$check" = yes ] || cp "$out/TOOLCHAIN" testroms/TOOLCHAIN
if [ "$different" = 1 ]; then
  echo "build-testroms: committed with $(cat testroms/TOOLCHAIN), built now with $version" >&2
  exit 1
fi
[ "$check" = no ] || echo "testroms: the committed images are what their source builds"
