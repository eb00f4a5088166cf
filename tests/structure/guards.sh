#!/bin/sh
# Each guard of this folder is shown something it must refuse. Usage: guards.sh <checkout> <compiler>
set -eu
here="$1/tests/structure"
compiler=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
result=0

# A small checkout that every guard accepts.
fresh() {
  rm -rf "$work/c"
  mkdir -p "$work/c/include/qat/core" "$work/c/include/qat/policy" "$work/c/tests/core" \
    "$work/c/tests/policy" "$work/c/tests/support" "$work/c/bench" "$work/c/examples" "$work/c/cmake" "$work/c/.ci"
  cd "$work/c"
  touch CMakeLists.txt
  echo '#pragma once' | tee include/qat/config.hpp include/qat/fwd.hpp include/qat/core/a.hpp >/dev/null
  printf '#pragma once\n#include <qat/core/a.hpp>\n' >include/qat/policy/b.hpp
  printf '#pragma once\n\n// All.\n#include <qat/policy/b.hpp>\n' >include/qat/quant.hpp
  touch tests/core/a_test.cpp tests/policy/b_test.cpp
}

accepts() {
  if ! sh "$here/$1" "$work/c" "$compiler"; then
    echo "$1 refuses a checkout without fault"
    result=1
  fi
}
refuses() {
  if sh "$here/$1" "$work/c" "$compiler" >"$work/out"; then
    echo "$1 accepts: $2"
    result=1
  fi
}

fresh
for guard in floors.sh umbrellas.sh mirror.sh words.sh length.sh included.sh; do accepts $guard; done

fresh; echo '#include <qat/policy/b.hpp>' >>include/qat/core/a.hpp; refuses floors.sh 'an include from a floor above'
fresh; echo '#include <qat/quant.hpp>' >>include/qat/core/a.hpp; refuses floors.sh 'an umbrella included from inside'
fresh; echo '#include "a.hpp"' >>include/qat/policy/b.hpp; refuses floors.sh 'an include in quotes'
fresh; mkdir include/qat/attic; echo '#pragma once' >include/qat/attic/a.hpp; refuses floors.sh 'a folder on no floor'
fresh; echo 'int f();' >>include/qat/quant.hpp; refuses umbrellas.sh 'a declaration in an umbrella'
fresh; rm tests/core/a_test.cpp; refuses mirror.sh 'a header without a test'
fresh; touch tests/core/c_test.cpp; refuses mirror.sh 'a test without a header'
fresh; touch bench/c_bench.cpp; refuses mirror.sh 'a benchmark without a header'
fresh; echo 'int r = fesetround(0);' >>include/qat/core/a.hpp; refuses words.sh 'fesetround'
fresh; echo 'using namespace std;' >>include/qat/core/a.hpp; refuses words.sh 'using namespace'
fresh; echo 'float y = std::exp(x);' >>include/qat/core/a.hpp; refuses words.sh 'std::exp'
fresh; echo 'std::printf("x");' >>include/qat/core/a.hpp; refuses words.sh 'printing'
fresh; echo '#define QAT_X 1' >>include/qat/core/a.hpp; refuses words.sh 'a macro outside config.hpp'
fresh; mv include/qat/core/a.hpp include/qat/core/a_util.hpp; refuses words.sh 'a file named util'
fresh; yes '//' | head -451 >include/qat/core/a.hpp; refuses length.sh 'a long file'
fresh; echo '#include <thread>' >>include/qat/core/a.hpp; refuses included.sh '<thread> below quant.hpp'
fresh; echo '#include <Eigen/Core>' >>include/qat/policy/b.hpp; refuses included.sh 'Eigen in policy/'
fresh; echo '#include <xsimd/xsimd.hpp>' >>include/qat/core/a.hpp; refuses included.sh 'xsimd below policy/'
fresh; echo '#include <qat/nothing.hpp>' >>include/qat/policy/b.hpp; refuses included.sh 'a missing header' 2>/dev/null
exit $result
