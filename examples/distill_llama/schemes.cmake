# The closed list of schemes that --scheme accepts, one instantiation each, in a translation unit of its own. Adding
# a scheme is adding its name here. full_precision is always built.
set(qat_all_schemes
  w4a8kv4 w4a8kv8 w4a6kv16 w4a8kv16 w4a16kv16 w8a8kv4 w8a8kv8 w8a8kv16 w4a4kv16 w4a4kv4 w4a16kv4 w4a8kv5
  w4a8kv4h w4a8kv4hz w4a8kv8h w8a8kv8h w3a8kv8h w2a8kv8h w4g128a8kv4h w4g32a8kv4h w4g32a8kv8h)
set(QAT_SCHEMES "all" CACHE STRING "Schemes that distill_llama is built with: all, or names of the list in schemes.cmake")

set(qat_schemes ${QAT_SCHEMES})
if(qat_schemes STREQUAL "all")
  set(qat_schemes ${qat_all_schemes})
endif()
foreach(name ${qat_schemes})
  if(NOT name IN_LIST qat_all_schemes)
    list(JOIN qat_all_schemes ", " known)
    message(FATAL_ERROR "QAT_SCHEMES: there is no scheme ${name}; there are ${known}")
  endif()
endforeach()

# Writes the sources that instantiate the schemes to `out_sources`; what a name means is parse_scheme's to say.
function(qat_generate_schemes out_sources)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/schemes")
  set(sources "")
  set(declarations "")
  set(entries "")
  foreach(scheme full_precision ${qat_schemes})
    configure_file(scheme.cpp.in "${folder}/${scheme}.cpp" @ONLY)
    list(APPEND sources "${folder}/${scheme}.cpp")
    string(APPEND declarations "model_factory make_${scheme};\n")
    string(APPEND entries "    {\"${scheme}\", make_${scheme}},\n")
  endforeach()
  configure_file(schemes.cpp.in "${folder}/schemes.cpp" @ONLY)
  set(${out_sources} ${sources} "${folder}/schemes.cpp" PARENT_SCOPE)
endfunction()
