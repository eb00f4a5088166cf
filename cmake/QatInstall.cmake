# Install rules: headers, a CMake package, a pkg-config file. Everything is independent of the
# machine, so it lives under share/.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(qat_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/qat")

install(TARGETS qat EXPORT qatTargets
  FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILE_SET bodies DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
if(TARGET qat_llama)
  install(TARGETS qat_llama EXPORT qatLlamaTargets)
  install(EXPORT qatLlamaTargets NAMESPACE qat:: DESTINATION "${qat_package_dir}")
endif()
install(EXPORT qatTargets NAMESPACE qat:: DESTINATION "${qat_package_dir}")

configure_package_config_file(cmake/qatConfig.cmake.in "${PROJECT_BINARY_DIR}/qatConfig.cmake"
  INSTALL_DESTINATION "${qat_package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/qatConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
  "${PROJECT_BINARY_DIR}/qatConfig.cmake"
  "${PROJECT_BINARY_DIR}/qatConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/QatDependencies.cmake"
  DESTINATION "${qat_package_dir}")

configure_file(cmake/qat.pc.in "${PROJECT_BINARY_DIR}/qat.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/qat.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig")
