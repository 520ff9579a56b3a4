#!/bin/sh
# Builds firmware/bios.bin and the boot images of testroms/bios from their sources, with the Swift toolchain's
# own clang, ld.lld and llvm-objcopy.
#
#   Scripts/build-firmware.sh           writes the images
#   Scripts/build-firmware.sh --check   builds elsewhere and compares with what is committed
#
# Sources/ApusMachine/BuiltInFirmware.swift gets the BIOS as text. The images depend on the toolchain's version,
# which firmware/TOOLCHAIN records. The fonts come from Scripts/make-font.py, which is run by hand.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."
root=$PWD

check=no
case "${1:-}" in
  '') ;;
  --check) check=yes ;;
  *) echo "usage: Scripts/build-firmware.sh [--check]" >&2; exit 2 ;;
esac

# The toolchain's programs lie beside the real swiftc; a swiftc in PATH may be only a link or a proxy.
resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath" *: *"\(.*\)".*/\1/p' | head -n 1)
tools=$(cd "$resources/../../bin" && pwd)
for tool in swiftc clang ld.lld llvm-objcopy; do
  [ -x "$tools/$tool" ] || { echo "build-firmware: $tools has no $tool" >&2; exit 1; }
done
version=$("$tools/swiftc" --version 2>/dev/null | sed -n 's/.*(\(swift-[^)]*\)).*/\1/p' | head -n 1)

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir "$out/vga" "$out/bios" "$out/tests"

assemble() {  # source, object, further options
  source=$1
  object=$2
  shift 2
  "$tools/clang" -target i386-unknown-none-elf "$@" -c "$source" -o "$object"
}

image() {  # linker script, elf, flat image, objects
  script=$1
  elf=$2
  flat=$3
  shift 3
  "$tools/ld.lld" -m elf_i386 -static --no-pie -z noexecstack --no-check-sections -T "$script" "$@" -o "$elf"
  "$tools/llvm-objcopy" -O binary --gap-fill=0xff "$elf" "$flat"
}

cd "$root/firmware/vga"
for source in *.S; do assemble "$source" "$out/vga/${source%.S}.o"; done
image vga.ld "$out/vga.elf" "$out/vga.bin" "$out"/vga/*.o

cd "$root/firmware"
for source in *.S; do assemble "$source" "$out/bios/${source%.S}.o" -Wa,-I,"$out"; done
image bios.ld "$out/bios.elf" "$out/bios.bin" "$out"/bios/*.o
size=$(wc -c < "$out/bios.bin")
if [ "$size" -ne 131072 ]; then
  echo "build-firmware: bios.bin has $size bytes, not 131072" >&2
  exit 1
fi

cd "$root/testroms/bios"
for source in *.S; do
  name=${source%.S}
  assemble "$source" "$out/tests/$name.o"
  script=boot.ld
  [ ! -f "$name.ld" ] || script=$name.ld
  image "$script" "$out/tests/$name.elf" "$out/tests/$name.img" "$out/tests/$name.o"
done
echo "$version" > "$out/TOOLCHAIN"

{
  cat << 'HEADER'
// Made by Scripts/build-firmware.sh from firmware/bios.bin; not for reading or editing.
// swift-format-ignore-file

/// The BIOS of the firmware folder, which starts what boots from a disk.
package enum BuiltInFirmware {
  /// The ROM, 128 KiB, whose last 16 bytes hold the reset vector.
  package static func image() -> [UInt8] {
    guard let bytes = Base64.decode(text.description) else { preconditionFailure("the built-in BIOS is damaged") }
    return bytes
  }

HEADER
  printf '  private static let text: StaticString = "'
  base64 < "$out/bios.bin" | tr -d '\n'
  printf '"\n}\n'
} > "$out/BuiltInFirmware.swift"

cd "$root"
different=0
place() {  # built file, committed file
  if [ "$check" = no ]; then
    cp "$1" "$2"
  elif ! cmp -s "$1" "$2"; then
    echo "build-firmware: $2 is not what its source builds" >&2
    different=1
  fi
}
place "$out/bios.bin" firmware/bios.bin
place "$out/BuiltInFirmware.swift" Sources/ApusMachine/BuiltInFirmware.swift
for test in "$out"/tests/*.img; do place "$test" "testroms/bios/${test##*/}"; done
[ "$check" = yes ] || cp "$out/TOOLCHAIN" firmware/TOOLCHAIN
if [ "$different" = 1 ]; then
  echo "build-firmware: committed with $(cat firmware/TOOLCHAIN), built now with $version" >&2
  exit 1
fi
[ "$check" = no ] || echo "firmware: the committed images are what their source builds"
