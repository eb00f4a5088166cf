#!/bin/sh
# Words that no header may use, each with its reason. Comments and texts may. Usage: words.sh <checkout>
set -eu
cd "$1/include/qat"
result=0

# refuse <extended regex> <reason> [<file that may>]
refuse() {
  for file in $(find . -name '*.hpp' -o -name '*.inl' | sed 's|^\./||' | sort); do
    [ "$file" = "${3:-}" ] && continue
    if sed 's|"[^"]*"|""|g; s|//.*||' "$file" | grep -nE -- "$1"; then
      echo "include/qat/$file: $2"
      result=1
    fi
  done
}

start='(^|[^A-Za-z0-9_])'
end='([^A-Za-z0-9_]|$)'
refuse "${start}fesetround$end" 'rounding is arithmetic, never a mode switch'
refuse "${start}fesetenv$end" 'floating-point modes are never changed'
refuse "${start}using[ ]+namespace$end" 'a header opens no namespace'
refuse "${start}std::reduce$end" 'its order is not defined'
refuse "${start}xsimd::fn?m[as]$end" 'it is a product and a sum on most x86 architectures: use core::fma'
refuse "${start}std::(exp|exp2|expm1|log|log2|log1p|pow|sin|cos|tan|tanh|sinh|cosh|erf|hypot|cbrt|rint|round|lround|lrint|fmod|remainder)f?$end" \
  'from <cmath> only fma, sqrt, floor, trunc and nearbyint have the same bits everywhere (gradient checks in double: kernels/arithmetic.hpp)' \
  kernels/arithmetic.hpp
refuse "${start}std::log10f?$end" 'only the decibels of error_stats, a double that promises no bits, use it' quant/error_stats.hpp
refuse "${start}(getenv|printf|fprintf|puts|abort|exit)[ ]*\\(" 'the library prints nothing, exits nowhere and reads no environment'
refuse "${start}std::(cout|cerr|clog)$end" 'the library prints nothing'
refuse '^[ ]*#[ ]*define' 'macros live in config.hpp' config.hpp

for file in $(find . -name '*util*' -o -name '*helper*' -o -name '*fast*' -o -name '*optimized*' -o -name '*manager*'); do
  echo "include/qat/${file#./}: the name says nothing about what is inside"
  result=1
done
exit $result
