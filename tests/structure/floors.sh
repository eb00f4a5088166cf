#!/bin/sh
# A header includes only from its own folder or from floors below. Usage: floors.sh <checkout>
# config.hpp, fwd.hpp and version.hpp count as floor 0; an umbrella (include/qat/<module>.hpp) is never
# included from inside the library.
set -eu
cd "$1/include/qat"
find . -name '*.hpp' -o -name '*.inl' | sed 's|^\./||' | sort | xargs awk '
  BEGIN {
    floor["core"] = 0; floor["policy"] = 1; floor["quant"] = 2; floor["kernels"] = 3
    floor["tensor"] = 4; floor["io"] = 4; floor["autograd"] = 5; floor["nn"] = 6; floor["llama"] = 7
    floor["ptq"] = 8; floor["eval"] = 8; floor["distill"] = 9
    free["config.hpp"] = free["fwd.hpp"] = free["version.hpp"] = 1
  }
  function complain(text) { printf "include/qat/%s:%d: %s\n", FILENAME, FNR, text; ++complaints }
  FNR == 1 {
    depth = split(FILENAME, part, "/")
    folder = depth > 1 ? part[1] : ""
    if (depth > 1 && !(folder in floor)) complain("the folder " folder "/ stands on no floor")
  }
  /^[ \t]*#[ \t]*include[ \t]*"/ { complain("write #include <qat/...> instead of quotes") }
  /^[ \t]*#[ \t]*include[ \t]*<qat\// {
    target = $0
    sub(/^[^<]*<qat\//, "", target)
    sub(/>.*/, "", target)
    if ((getline line < target) < 0) complain("<qat/" target "> does not exist")
    close(target)
    if (split(target, step, "/") == 1) {
      if (target in free) {
        if (FILENAME == "config.hpp" || FILENAME == "version.hpp") complain(FILENAME " includes nothing of qat")
      } else if (folder != "") {
        complain("<qat/" target "> is an umbrella for users")
      } else if (FILENAME in free) {
        complain(FILENAME " includes only floor 0 files beside it")
      }
      next
    }
    if (FILENAME in free) { complain(FILENAME " includes only floor 0 files beside it"); next }
    if (folder == "" || step[1] == folder) next
    if (!(step[1] in floor)) complain("the folder " step[1] "/ stands on no floor")
    else if (floor[step[1]] >= floor[folder])
      complain(folder "/ (floor " floor[folder] ") must not include " step[1] "/ (floor " floor[step[1]] ")")
  }
  END { if (complaints) exit 1 }'
