#pragma once

#include <qat/config.hpp>
#include <qat/core/contracts.hpp>

#include <cstdint>

/// \file
/// The floating-point state of the calling thread, checked once at every coarse entry point.

namespace qat::core {
namespace detail {

/// What deviates from the state that the library's arithmetic needs; nullptr if nothing does.
[[nodiscard]] inline const char* float_environment_fault() noexcept {
#if defined(__SSE__)
  const std::uint32_t state = __builtin_ia32_stmxcsr();
  const bool rounds_to_nearest = (state & 0x6000u) == 0u;
  const bool keeps_denormals = (state & 0x8040u) == 0u;  // FTZ (bit 15), DAZ (bit 6)
#elif defined(__aarch64__)
  std::uint64_t state = 0;
  asm volatile("mrs %0, fpcr" : "=r"(state));
  const bool rounds_to_nearest = (state & (std::uint64_t{3} << 22)) == 0u;
  const bool keeps_denormals = (state & (std::uint64_t{1} << 24)) == 0u;
#else
  const bool rounds_to_nearest = true;
  const bool keeps_denormals = true;
#endif
  if (!rounds_to_nearest)
    return "another rounding mode (this thread called fesetround or wrote the control register)";
  if (!keeps_denormals)
    return "denormals flushed to zero (loading a library built with -ffast-math does that to the "
           "whole process)";
  return nullptr;
}

}  // namespace detail

/// Throws unless the calling thread rounds to nearest and keeps denormals, as every result of the library presumes.
///
///   MXCSR: rounding control = nearest, FTZ = 0, DAZ = 0;  FPCR: RMode = nearest, FZ = 0
///
/// The state is read and never changed. `function` is the entry point that the sentence names.
///
/// Throws  ContractViolation "function: expected floats rounded to nearest and denormals kept; got ...".
/// Cost    one register read, a few cycles: for entry points, not for element loops.
inline void check_float_environment(const char* function) {
  if (const char* fault = detail::float_environment_fault())
    ::qat::detail::violate_contract(function, "floats rounded to nearest and denormals kept", fault,
                                    __FILE__, __LINE__);
}

}  // namespace qat::core
