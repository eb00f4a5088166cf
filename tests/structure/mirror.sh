#!/bin/sh
# Headers, tests and benchmarks mirror each other: include/qat/A/b.hpp, tests/A/b_test.cpp,
# bench/A/b_bench.cpp. tests/formats, tests/eigen and tests/training cut across. Private headers (detail/) need no test of their own. Usage: mirror.sh <checkout>
set -eu
cd "$1"
result=0
for header in $(cd include/qat && find . -mindepth 2 -name '*.hpp' ! -path '*/detail/*' | sed 's|^\./||' | sort); do
  test="tests/${header%.hpp}_test.cpp"
  [ -e "$test" ] || { echo "include/qat/$header has no test $test"; result=1; }
done
for test in $(cd tests && find . -name '*_test.cpp' ! -path './odr/*' ! -path './support/*' ! -path './formats/*' ! -path './eigen/*' ! -path './training/*' | sed 's|^\./||' | sort); do
  header="include/qat/${test%_test.cpp}.hpp"
  [ -e "$header" ] || { echo "tests/$test has no header $header"; result=1; }
done
for test in $(cd tests && find support -name '*_test.cpp' | sort); do
  [ -e "tests/${test%_test.cpp}.hpp" ] || { echo "tests/$test has no header tests/${test%_test.cpp}.hpp"; result=1; }
done
for bench in $(cd bench && find . -name '*_bench.cpp' | sed 's|^\./||' | sort); do
  header="include/qat/${bench%_bench.cpp}.hpp"
  [ -e "$header" ] || { echo "bench/$bench has no header $header"; result=1; }
done
exit $result
