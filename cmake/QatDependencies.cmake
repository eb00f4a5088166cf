# Refuses packages that are too old: sets qat_refusal to a sentence. Used by the build tree and by the
# installed package. No version is passed to find_package: both packages' version files accept one
# major version only, and Eigen 5 must pass.
unset(qat_refusal)
if(DEFINED Eigen3_VERSION AND Eigen3_VERSION VERSION_LESS 3.4)
  set(qat_refusal "qat needs Eigen 3.4 or later, and found ${Eigen3_VERSION} in ${Eigen3_DIR}.")
endif()
if(DEFINED xsimd_VERSION AND xsimd_VERSION VERSION_LESS 8.1)
  set(qat_refusal "qat needs xsimd 8.1 or later, and found ${xsimd_VERSION} in ${xsimd_DIR}.")
endif()
