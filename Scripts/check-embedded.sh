#!/bin/sh
# Proves that the core modules compile under Embedded Swift for WebAssembly, so that the core stays
# free of Foundation, threads, host files and reflection. Compiles only; links nothing.
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for module in ApusBase ApusInstructionSet ApusCPU ApusDevices ApusMachine; do
  find "Sources/$module" -name '*.swift' -print0 | sort -z | xargs -0 swiftc \
    -target wasm32-unknown-none-wasm -enable-experimental-feature Embedded -wmo -Onone \
    -swift-version 6 -parse-as-library -package-name apus -module-name "$module" -I "$out" \
    -emit-module -emit-module-path "$out/$module.swiftmodule" -c -o "$out/$module.o"
  echo "$module: compiles under Embedded Swift"
done
