#pragma once

#include <qat/config.hpp>

#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 calls the deliberately undefined registers of its own AVX-512 intrinsics uninitialized.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <xsimd/xsimd.hpp>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include <cstddef>
#include <cstdint>
#include <type_traits>

/// \file
/// The batch types: xsimd's, and what templates over a float or a batch need to know about them. Include
/// qat/core/batch.hpp instead, which has the operations.

namespace qat::core {

/// The architecture of this translation unit's -march. Every function that touches a batch is a template on it, so that
/// units compiled with different flags use different symbols.
using default_arch = xsimd::default_arch;

static_assert(!std::is_same_v<default_arch, xsimd::neon>,
              "qat needs aarch64 on ARM: 32-bit NEON flushes denormals.");

template <class Arch = default_arch>
using float_batch = xsimd::batch<float, Arch>;

template <class Arch = default_arch>
using int_batch = xsimd::batch<std::int32_t, Arch>;

/// Lanes of a float_batch.
template <class Arch = default_arch>
inline constexpr std::size_t lane_count = float_batch<Arch>::size;

namespace detail {

template <class V>
struct lanes_of;
template <>
struct lanes_of<float> {
  using arch = default_arch;
  using integer = std::int32_t;
};
template <class Arch>
struct lanes_of<xsimd::batch<float, Arch>> {
  using arch = Arch;
  using integer = int_batch<Arch>;
};

/// True for the architectures whose own instructions fuse: a property of Arch alone, so that f<Arch> means the same code in
/// every translation unit.
template <class Arch>
inline constexpr bool fuses =
    std::is_base_of_v<xsimd::avx512f, Arch> || std::is_base_of_v<xsimd::neon64, Arch> ||
    std::is_same_v<xsimd::fma3<xsimd::avx2>, Arch> ||
    std::is_same_v<xsimd::fma3<xsimd::avx>, Arch> ||
    std::is_same_v<xsimd::fma3<xsimd::sse4_2>, Arch>;

/// Hides a register from the optimizer; no instruction.
template <class Register>
QAT_INLINE void hide(Register& r) noexcept {
#if defined(__AVX512F__)
  asm("" : "+v"(r));
#elif defined(__SSE__)
  asm("" : "+x"(r));
#elif defined(__aarch64__)
  asm("" : "+w"(r));
#else
  asm("" : "+m"(r));
#endif
}

}  // namespace detail

/// A float or a batch of them: what one-body numeric templates accept.
template <class V>
concept float_lanes = requires {
  typename detail::lanes_of<V>::arch;
};

/// The architecture of a batch; the default one for float, which keeps symbols of differently compiled units apart.
template <float_lanes V>
using arch_of = typename detail::lanes_of<V>::arch;

/// int32 lanes to V's float lanes.
template <float_lanes V>
using integer_lanes = typename detail::lanes_of<V>::integer;

}  // namespace qat::core
