#!/bin/sh
# Builds the program with the flags that pkg-config gives, and runs it.
# Usage: pkg_config.sh <stage> <compiler> <work folder> <flags of the second unit ...>
set -eu
stage=$1
compiler=$2
work=$3
shift 3
program=$(cd "$(dirname "$0")/program" && pwd)

PKG_CONFIG_PATH="$stage/share/pkgconfig:${PKG_CONFIG_PATH:-}"
export PKG_CONFIG_PATH
flags="-std=c++20 $(pkg-config --cflags --libs qat)"
rm -rf "$work"
mkdir -p "$work"
cd "$work"
# shellcheck disable=SC2086
{
  "$compiler" -c "$program/main.cpp" $flags
  "$compiler" -c "$program/first.cpp" $flags
  "$compiler" -c "$program/second.cpp" -Wall -Wextra -Werror -O2 "$@" $flags
}
"$compiler" main.o first.o second.o -o consumer
./consumer
