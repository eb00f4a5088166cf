# One snippet of compile_fail/ with one compiler. Its first lines are
#   // error: <regex>             what both compilers say
#   // error(g++): <regex>        or what one of them says
#   // error(clang++): <regex>
#   // flags: <flags>             for the build that must fail only
# With -DQAT_EXPECT_FAIL the snippet must not compile, say that, and (if there are no flags) point at a line
# of the snippet; without, it must compile.
# Usage: cmake -D snippet=... -D compiler=... -D name=g++|clang++ -D includes=... -P check.cmake
file(STRINGS "${snippet}" lines REGEX "^// error")
set(expected "")
string(REPLACE "+" "\\+" name_regex "${name}")
foreach(line ${lines})
  if(line MATCHES "^// error: (.*)$")
    list(APPEND expected "${CMAKE_MATCH_1}")
  elseif(line MATCHES "^// error\\(${name_regex}\\): (.*)$")
    list(APPEND expected "${CMAKE_MATCH_1}")
  elseif(line MATCHES "^// error\\((.*)\\): ")
    if(NOT CMAKE_MATCH_1 MATCHES "^(g|clang)\\+\\+$")
      message(FATAL_ERROR "${snippet}: unknown compiler in '${line}'")
    endif()
  endif()
endforeach()
if(expected STREQUAL "")
  message(FATAL_ERROR "${snippet}: the first line must be '// error: <regex>'")
endif()

set(command "${CMAKE_COMMAND}" -E env LC_ALL=C "${compiler}" -std=c++20 -fsyntax-only)
foreach(folder ${includes})
  list(APPEND command "-I${folder}")
endforeach()

execute_process(COMMAND ${command} "${snippet}" ERROR_VARIABLE errors RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "the control does not compile:\n${errors}")
endif()

file(STRINGS "${snippet}" flags REGEX "^// flags: ")
string(REPLACE "// flags: " "" flags "${flags}")
separate_arguments(flags UNIX_COMMAND "${flags}")
execute_process(COMMAND ${command} -DQAT_EXPECT_FAIL ${flags} "${snippet}" ERROR_VARIABLE errors RESULT_VARIABLE result)
if(result EQUAL 0)
  message(FATAL_ERROR "it compiles, although it is not allowed")
endif()
foreach(regex ${expected})
  if(NOT errors MATCHES "${regex}")
    message(FATAL_ERROR "the error does not match '${regex}':\n${errors}")
  endif()
endforeach()
get_filename_component(file "${snippet}" NAME)
string(REPLACE "." "\\." file "${file}")
if(NOT flags AND NOT errors MATCHES "${file}:[0-9]+:[0-9]+: error: ")
  message(FATAL_ERROR "no error points at the user's line:\n${errors}")
endif()
