# Configures, builds and runs the consumer <source> from nothing in <work>.
file(REMOVE_RECURSE "${work}")
execute_process(
  COMMAND "${ctest}" --build-and-test "${source}" "${work}"
    --build-generator "${generator}" --build-options
    "-DCMAKE_CXX_COMPILER=${compiler}" "-DSECOND_UNIT_FLAGS=${flags}" ${options}
    --test-command "${work}/consumer"
  OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE result)
message("${output}")
if(NOT result EQUAL 0 AND NOT output MATCHES "skipped: hardware")
  message(FATAL_ERROR "the consumer did not build or did not run")
endif()
