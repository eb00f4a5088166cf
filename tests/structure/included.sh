#!/bin/sh
# What headers may not pull in, by the compiler's own list. Usage: included.sh <checkout> <compiler>
#   quant.hpp        neither Eigen nor <thread>
#   policy/, fwd.hpp neither Eigen nor xsimd
set -eu
root=$1
compiler=$2
result=0

# refuse <header below include/> <regex> <name>
refuse() {
  if ! files=$(echo "#include <$1>" | "$compiler" -std=c++20 -I"$root/include" -I/usr/include/eigen3 -M -x c++ -); then
    echo "$1 does not preprocess"
    result=1
  elif echo "$files" | tr ' ' '\n' | grep -E "$2"; then
    echo "$1 includes $3"
    result=1
  fi
}

refuse qat/quant.hpp '/Eigen/' Eigen
refuse qat/quant.hpp '/thread$' '<thread>'
for header in $(cd "$root/include" && ls qat/fwd.hpp qat/policy/*.hpp); do
  refuse "$header" '/(Eigen|xsimd)/' 'Eigen or xsimd'
done
exit $result
