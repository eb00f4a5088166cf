# Sourced by the tests of the program, which set `program` and `work`.
failures=0

fail() {
  echo "FAILED: $1"
  failures=$((failures + 1))
}

# gives <exit code> <pattern in stdout and stderr> <argument>...
gives() {
  code=$1
  pattern=$2
  shift 2
  "$program" "$@" >"$work/out" 2>&1 </dev/null
  found=$?
  [ $found -eq "$code" ] || { fail "exit $found instead of $code: $*"; sed 's/^/    /' "$work/out"; }
  grep -q -e "$pattern" "$work/out" || { fail "no \"$pattern\" from: $*"; sed 's/^/    /' "$work/out"; }
}
