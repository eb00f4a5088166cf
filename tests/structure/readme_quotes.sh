#!/bin/sh
# Every code block of README.md that stands under "<!-- quote FILE -->" must stand in FILE, character by character.
# usage: readme_quotes.sh SOURCE_DIR
set -eu
cd "$1"
awk '
  function contents(file,   text, line) {
    text = ""
    while ((getline line < file) > 0) text = text line "\n"
    close(file)
    return text
  }
  /^<!-- quote .* -->$/ { file = $3; next }
  /^```cpp$/ { if (file == "") { print "README.md:" NR ": a code block without a quote line"; bad = 1 }
               inside = 1; block = ""; start = NR; next }
  /^```$/ && inside {
    inside = 0
    if (file != "") {
      quotes++
      if (index(contents(file), block) == 0) { print "README.md:" start ": not in " file ":\n" block; bad = 1 }
    }
    file = ""
    next
  }
  inside { block = block $0 "\n" }
  END {
    if (quotes == 0) { print "README.md: no quotes found"; bad = 1 }
    print quotes " quotes checked"
    exit bad
  }
' README.md
