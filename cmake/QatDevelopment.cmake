# Flags of our own tests, examples and benchmarks; qat::qat itself pushes none on its users.
include("${CMAKE_CURRENT_LIST_DIR}/QatWarnings.cmake")

set(QAT_MARCH "" CACHE STRING "Argument of -march for tests, examples and benchmarks; empty for the compiler's default")
option(QAT_SANITIZE "Build our own targets with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)

add_library(qat_development INTERFACE)
target_link_libraries(qat_development INTERFACE qat::qat qat_warnings)
if(QAT_MARCH)
  target_compile_options(qat_development INTERFACE "-march=${QAT_MARCH}")
endif()
if(QAT_SANITIZE)
  set(qat_sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(qat_development INTERFACE ${qat_sanitizers})
  target_link_options(qat_development INTERFACE ${qat_sanitizers})
endif()
