# The closed list of schemes that --scheme accepts, one instantiation each, in a translation unit of its own. Adding
# a scheme is adding its name here. full_precision is always built. A name behind a hyphen is a variant of
# variants.hpp: an arm of the ablation.
set(qat_all_schemes
  w4a8kv4 w4a8kv8 w4a6kv16 w4a8kv16 w4a16kv16 w8a8kv4 w8a8kv8 w8a8kv16 w4a4kv16 w4a4kv4 w4a16kv4 w4a8kv5
  w4a8kv4h w4a8kv4hz w4a8kv8h w8a8kv8h w3a8kv8h w2a8kv8h w4g128a8kv4h w4g32a8kv4h w4g32a8kv8h
  w4a8kv4-reference w4a8kv4-minmax w4a8kv4-clipped w4a8kv4-mask)
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
  foreach(name full_precision ${qat_schemes})
    string(REGEX REPLACE "-.*" "" scheme "${name}")
    set(variant plain)
    if(name MATCHES "-(.*)")
      set(variant "${CMAKE_MATCH_1}")
    endif()
    string(REPLACE "-" "_" identifier "${name}")
    configure_file(scheme.cpp.in "${folder}/${name}.cpp" @ONLY)
    list(APPEND sources "${folder}/${name}.cpp")
    string(APPEND declarations "scheme_entry entry_of_${identifier}();\n")
    string(APPEND entries "      entry_of_${identifier}(),\n")
  endforeach()
  configure_file(schemes.cpp.in "${folder}/schemes.cpp" @ONLY)
  set(${out_sources} ${sources} "${folder}/schemes.cpp" PARENT_SCOPE)
endfunction()
