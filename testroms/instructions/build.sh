#!/bin/sh
# Builds the instruction tests with the toolchain's clang and ld.lld into a directory: NAME.elf is the bare guest,
# NAME.linux the same tests as a Linux program, for all but real mode.
#
#   testroms/instructions/build.sh DIRECTORY-OF-CLANG DIRECTORY [OPTION...]
#
# Options go to the assembler; -DTRACE prints every word that goes into a checksum.
set -eu
tools=$1
out=$2
shift 2
options=$*
cd "$(dirname "$0")"

assemble() {  # bits, object, source, further options
  bits=$1
  object=$2
  source=$3
  shift 3
  target=i386
  [ "$bits" != 64 ] || target=x86_64
  # shellcheck disable=SC2086
  "$tools/clang" -target $target-unknown-none-elf -DBITS="$bits" $options "$@" -c "$source" -o "$object"
}

link() {  # script, image, objects
  script=$1
  image=$2
  shift 2
  "$tools/ld.lld" -static --no-pie -z noexecstack --strip-all -T "$script" "$@" -o "$image"
}

build() {  # name, bits, lists, further options
  name=$1
  bits=$2
  lists=$3
  shift 3
  work=$out/$name.work
  mkdir -p "$work"
  harness=harness32
  [ "$bits" != 64 ] || harness=harness64
  objects=
  for list in $harness $lists; do
    assemble "$bits" "$work/$list.o" "$list.S" "$@"
    objects="$objects $work/$list.o"
  done
  assemble "$bits" "$work/kernel.o" "kernel$bits.S"
  script=guest.ld
  [ "$bits" != 16 ] || script=guest16.ld
  # shellcheck disable=SC2086
  link $script "$out/$name.elf" $objects "$work/kernel.o"
  if [ "$bits" != 16 ]; then
    assemble "$bits" "$work/linux.o" "linux$bits.S"
    # shellcheck disable=SC2086
    link linux.ld "$out/$name.linux" $objects "$work/linux.o"
  fi
}

general="arithmetic shifts moves addressing strings control"
build onebyte 64 "$general"
build twobyte 64 twobyte
build threebyte 64 threebyte
build simd 64 "vectors simd" -DSIMD
build x87 64 x87
build protected 32 "$general twobyte threebyte x87"
build real 16 "$general ports twobyte system"
