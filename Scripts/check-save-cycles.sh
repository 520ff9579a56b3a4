#!/usr/bin/env bash
# Interrupts one run of a guest at random moments: saves the machine to a file, ends the process, and goes on from the
# file in another. The state at the end must be that of the run that nobody interrupted.
# usage: check-save-cycles.sh [CYCLES [SEED]]; the guest is Debian's kernel where APUS_DEBIAN_GUEST names its
# directory, and the built-in one otherwise.
set -eu
cd "$(dirname "$0")/.."
cycles=${1:-1000}
seed=${2:-1}

apus=.build/release/apus
[ -x $apus ] || swift build -c release --product apus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

guest=()
total=1500000
if [ -f "${APUS_DEBIAN_GUEST:-}/vmlinuz-cloud" ]; then
  guest=(--kernel "$APUS_DEBIAN_GUEST/vmlinuz-cloud" --append console=ttyS0 -m 256)
  total=1200000000
fi

# A limit that is reached is exit code 7; everything else is a failure.
run() {
  local code=0
  $apus "$@" </dev/null >/dev/null 2>"$work/messages" || code=$?
  [ $code -eq 7 ] || { cat "$work/messages" >&2; echo "apus $*: exit code $code, expected 7" >&2; exit 1; }
}
hash() { grep -i hash "$work/messages"; }

run "${guest[@]}" --limit-instructions $total --state-hash
expected=$(hash)

machine=("${guest[@]}")
for point in $(awk -v n="$cycles" -v total=$total -v seed="$seed" \
  'BEGIN { srand(seed); for (i = 0; i < n; i++) print 1 + int(rand() * (total - 1)) }' | sort -n -u); do
  run "${machine[@]}" --limit-instructions "$point" --save "$work/saved"
  machine=(--load "$work/saved")
done
run "${machine[@]}" --limit-instructions $total --state-hash
actual=$(hash)
[ "$actual" = "$expected" ] || { echo "after $cycles cycles: $actual; unbroken: $expected" >&2; exit 1; }
echo "$cycles cycles of save and load: $actual, as without them"
