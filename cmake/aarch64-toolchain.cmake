# Cross build for aarch64 with the distribution's compiler; tests run under qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)

# The packages are header-only and independent of the machine. The distribution keeps the CMake
# package of one of them in the folder of the host's architecture, where a cross build does not look.
file(GLOB xsimd_packages /usr/lib/*/cmake/xsimd)
if(xsimd_packages)
  list(GET xsimd_packages 0 xsimd_package)
  set(xsimd_DIR "${xsimd_package}" CACHE PATH "Folder of xsimdConfig.cmake")
endif()
