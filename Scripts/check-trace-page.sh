#!/usr/bin/env bash
# Opens pages of `apus trace --html` in headless Chromium and looks at what they show: the instruction and the mode at
# some numbers, no error on the console, a picture of a plausible size. Does nothing where there is no Chromium.
#
#     Scripts/check-trace-page.sh [APUS]        default .build/release/apus; APUS_PICTURES=DIR keeps the pictures
set -eu
cd "$(dirname "$0")/.."
apus=${1:-.build/release/apus}

browser=
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then browser=$name && break; fi
done
[ -n "$browser" ] || { echo "no Chromium: pages of 'apus trace' are not looked at" && exit 0; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pictures=${APUS_PICTURES:-$work}
failures=0

fail() { echo "FAILED $*" && failures=$((failures + 1)); }

open() { # URL OPTION...
  local url=$1
  shift
  timeout 120 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" \
    --enable-logging=stderr --virtual-time-budget=10000 "$@" "$url" 2>>"$work/console"
}

# The text of the element with an id.
element() { sed -n "s/.*id=\"$1\"[^>]*>\([^<]*\)<.*/\1/p" "$work/dom" | head -1; }

look() { # PAGE NUMBER MODE INSTRUCTION HAPPENS WIDTH,HEIGHT
  local url="file://$work/$1.html#$2" picture="$pictures/$1-$2.png"
  : >"$work/console"
  open "$url" --window-size="$6" --dump-dom >"$work/dom" || fail "$1 #$2: the browser does not open it"
  [ "$(element mode)" = "$3" ] || fail "$1 #$2: the mode is '$(element mode)', not '$3'"
  case "$(element text)" in $4) ;; *) fail "$1 #$2: the instruction is '$(element text)', not '$4'" ;; esac
  grep -q "$5" "$work/dom" || fail "$1 #$2: nothing says '$5'"
  rm -f "$picture"
  open "$url" --window-size="$6" --screenshot="$picture" >/dev/null || fail "$1 #$2: no picture"
  if [ "$(head -c 8 "$picture" 2>/dev/null | od -An -tx1 | tr -d ' \n')" != 89504e470d0a1a0a ]; then
    fail "$1 #$2: the picture is no PNG"
  elif [ "$(wc -c <"$picture")" -lt 20000 ]; then
    fail "$1 #$2: the picture has only $(wc -c <"$picture") bytes"
  fi
  if grep -a 'CONSOLE' "$work/console"; then fail "$1 #$2: the console is not empty"; fi
}

"$apus" trace --html "$work/lesson.html" --count 20000 --serial none 2>/dev/null
printf 'fault pf-read\nfault user-hlt\n' >"$work/typed"
"$apus" --record "$work/run" --limit-instructions 150K <"$work/typed" >/dev/null 2>&1 || [ $? = 7 ]
"$apus" trace --html "$work/faults.html" --replay "$work/run" --from 60K --count 90K >/dev/null 2>&1

at=$(sed -n 's/.*"steps":\[//p' "$work/faults.html" | tr ',' '\n' | grep -n ' fe:' | head -1 | cut -d: -f1)
look lesson 0 "real-address mode, CPL 0" "jmp 0x*" "Paging is off" 1440,2800
look lesson 3790 "protected mode, 16-bit code, CPL 0" "jmp 0x8:*" "CR0.PE 0 → 1" 400,900
look lesson 19999 "64-bit mode, CPL 0" "*" "PML4E" 1440,2800
look faults $((60000 + at - 1)) "64-bit mode, CPL 0" "mov *" "refused: the entry is not present" 1440,2800

[ $failures = 0 ] || exit 1
echo "pages of 'apus trace' show what they should"
