#!/bin/sh
# Compiles one translation unit for two instruction sets and compares the functions that both define: each
# must call the same functions. Where they differ, a program of both units would run one unit's choice in
# the other (the linker keeps one copy), on a CPU that may lack it.
# Usage: symbols.sh <source> <work folder> <compiler and its flags ...>
set -eu
source=$1
work=$2
shift 2
mkdir -p "$work"

# One line a function and callee.
callees() {
  objdump -dr --no-show-raw-insn "$1" | awk '
    /^[0-9a-f]+ <.*>:$/ { name = $2; gsub(/[<>:]/, "", name); if (name ~ /3qat/) print name, "-" }
    / R_[A-Z0-9_]+/ {
      callee = $3
      sub(/[-+]0x[0-9a-f]+$/, "", callee)
      if (name ~ /^_ZN?K?3qat|^_ZNK?3qat/ && callee ~ /3qat/) print name, callee
    }' | sort -u
}

"$@" -O0 -march=x86-64 -c "$source" -o "$work/baseline.o"
"$@" -O0 -march=x86-64-v3 -c "$source" -o "$work/v3.o"
callees "$work/baseline.o" >"$work/baseline.txt"
callees "$work/v3.o" >"$work/v3.txt"
[ -s "$work/baseline.txt" ] || { echo "found no function of the library"; exit 1; }

awk '
  FNR == NR { if ($2 == "-") defined[$1] = 1; lines[$0] = 1; next }
  $2 == "-" { both[$1] = ($1 in defined); next }
  { other[$0] = 1 }
  END {
    for (line in lines) { split(line, part, " "); if (both[part[1]] && part[2] != "-" && !(line in other)) print "only baseline:", line }
    for (line in other) { split(line, part, " "); if (both[part[1]] && !(line in lines)) print "only v3:      ", line }
  }' "$work/baseline.txt" "$work/v3.txt" | sort >"$work/differences.txt"
if [ -s "$work/differences.txt" ]; then
  # Names without their template arguments and parameters; the whole ones are in the file.
  awk '{ print $(NF - 1) }' "$work/differences.txt" | c++filt |
    sed ':a; s/<[^<>]*>//; ta; s/([^()]*)//g; s/ const//g; s/.* //' | sort -u
  echo "These functions have one name and two meanings (all differences: $work/differences.txt):"
  echo "what depends on the instruction set needs its architecture as a template argument."
  exit 1
fi
