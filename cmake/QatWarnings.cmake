# Warnings of our own targets, each with its reason.
option(QAT_WARNINGS_AS_ERRORS "Treat warnings in our own targets as errors" ${PROJECT_IS_TOP_LEVEL})

add_library(qat_warnings INTERFACE)
target_compile_options(qat_warnings INTERFACE
  -Wall -Wextra -Wpedantic
  -Wshadow              # a shadowed counter once made another library's test helper return 0 forever
  -Wconversion          # float <- double and int <- size_t change results silently
  -Wsign-conversion     # sizes are std::size_t, strides std::ptrdiff_t: mixing is a decision
  -Wold-style-cast      # a cast says what it does
  -Woverloaded-virtual
  -Wnull-dereference
  -Wdouble-promotion    # fp32 arithmetic never passes through double unnoticed
  $<$<BOOL:${QAT_WARNINGS_AS_ERRORS}>:-Werror>
  # What g++ 12 concludes from inlining at -O3 reports loops and copies that cannot happen, in std::vector, std::string
  # and its own intrinsics too: shown, not fatal.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-error=null-dereference;-Wno-error=array-bounds;-Wno-error=stringop-overflow;-Wno-error=stringop-overread;-Wno-error=restrict>)
