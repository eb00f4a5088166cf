# Installs the build tree <build> into a fresh <stage>.
file(REMOVE_RECURSE "${stage}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${build}" --prefix "${stage}"
  COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
foreach(file include/qat/quant.hpp share/cmake/qat/qatConfig.cmake share/pkgconfig/qat.pc)
  if(NOT EXISTS "${stage}/${file}")
    message(FATAL_ERROR "the install lacks ${file}")
  endif()
endforeach()
