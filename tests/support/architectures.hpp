#pragma once

#include <qat/core/batch.hpp>

#include <string>
#include <type_traits>

/// \file
/// The instruction sets of a translation unit, for tests that run on each.

namespace qat::testing {

/// Calls body(arch) for every architecture of this translation unit; returns their names.
template <class Body>
std::string for_each_arch(Body&& body) {
  std::string names;
  xsimd::supported_architectures::for_each([&](auto arch) {
    using Arch = decltype(arch);
    // 32-bit ARM flushes denormals: not supported
    if constexpr (!std::is_same_v<Arch, xsimd::neon>) {
      names += std::string(Arch::name()) + " ";
      body(arch);
    }
  });
  return names;
}

}  // namespace qat::testing
