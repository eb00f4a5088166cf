#!/bin/sh
# Umbrella headers contain only includes (and comments). Usage: umbrellas.sh <checkout>
set -eu
cd "$1/include/qat"
result=0
for file in *.hpp; do
  case $file in config.hpp | fwd.hpp | version.hpp) continue ;; esac
  [ -e "$file" ] || continue
  if grep -nEv '^[[:space:]]*$|^[[:space:]]*//|^#pragma once$|^#include <[^>]*>([[:space:]]*//.*)?$' "$file"; then
    echo "include/qat/$file: an umbrella contains only includes; the lines above are something else"
    result=1
  fi
done
exit $result
