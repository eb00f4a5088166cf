#!/bin/sh
# Compiles identity.cpp or model.cpp one way, runs it and compares what it prints with the golden hashes.
# Usage: identity.sh <checkout> <identity or model> <program to write> <emulator, or ""> <compiler and flags ...>
# With QAT_UPDATE_GOLDEN=1 the golden hashes are written instead.
set -eu
root=$1
source=$2
program=$3
emulator=$4
shift 4
golden=$root/tests/golden/$source.txt

"$@" -std=c++20 -I"$root/include" -I"$root" "$root/tests/identity/$source.cpp" -o "$program" -pthread
case " $* " in
  *x86-64-v3*)
    grep -qw avx2 /proc/cpuinfo 2>/dev/null && grep -qw fma /proc/cpuinfo ||
      { echo "skipped: hardware without AVX2 and FMA"; exit 77; }
    ;;
esac
# shellcheck disable=SC2086
$emulator "$program" >"$program.txt"

if [ "${QAT_UPDATE_GOLDEN:-0}" = 1 ]; then
  {
    echo "# Hashes that tests/identity/$source.cpp prints, on every machine and by every build."
    echo "# Made by QAT_UPDATE_GOLDEN=1 tests/identity/identity.sh; a change needs a reason in the commit."
    cat "$program.txt"
  } >"$golden"
fi
grep -v '^#' "$golden" | diff - "$program.txt" || {
  echo "these bits differ from tests/golden/$source.txt (left: golden, right: $*)"
  exit 1
}
sed -n '$p' "$program.txt"
