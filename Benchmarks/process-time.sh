# Functions of the benchmarks that time whole processes; to be read by them with `.`, not run. The script that reads
# this begins with a comment that is its --help, and has set `runs`.

fail() { echo "$0: $*" >&2; exit 1; }

# The one line of the script's comment that says how it is used.
usage() {
  [ $# -eq 0 ] || echo "$0: $*" >&2
  sed -n 's/^# Usage: /usage: /p' "$0" >&2
  exit 2
}

# options WORD...: sets runs, cpu and directory from the command line.
options() {
  cpu=
  directory=
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
      [ -z "$directory" ] || usage "more than one directory: '$directory' and '$1'"
      directory=$1
      ;;
    esac
    shift
  done
  [ "$runs" -ge 1 ] || usage "--runs: at least 1"
}

# pin: sets `prefix`, what stands before each command: an end to a boot that hangs, and the pinning to a CPU. Makes the
# directory `work`, which goes at the end.
pin() {
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
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM
}

# time_process COMMAND...: runs it with its output in $work/output; sets `status`, and `seconds` to its CPU time.
time_process() {
  local TIMEFORMAT='%U %S'
  local command=(${prefix[@]+"${prefix[@]}"} "$@")
  status=0
  # The shell writes the times to its own standard error, after the command's has been redirected.
  { time "${command[@]}" </dev/null >"$work/output" 2>&1; } 2>"$work/time" || status=$?
  seconds=$(awk 'END { printf "%.3f", $1 + $2 }' "$work/time")
}

# summary: the median, least and greatest of the numbers on standard input.
summary() {
  sort -n | awk '
    { v[NR] = $1 }
    END { printf "%.2f (%.2f-%.2f)", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2, v[1], v[NR] }'
}

median() { summary | sed 's/ .*//'; }
