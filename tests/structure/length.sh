#!/bin/sh
# One idea a file: none is longer than 450 lines. Usage: length.sh <checkout>
set -eu
cd "$1"
find include tests bench examples cmake CMakeLists.txt .ci -type f \
  \( -name '*.hpp' -o -name '*.inl' -o -name '*.cpp' -o -name '*.cmake' -o -name '*.sh' -o -name run -o -name CMakeLists.txt \) \
  -exec wc -l {} + | awk '
  $2 != "total" && $1 > 450 { print $2 ": " $1 " lines, more than 450"; ++complaints }
  END { if (complaints) exit 1 }'
