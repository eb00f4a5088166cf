#pragma once

#include <qat/config.hpp>
#include <qat/core/detail/batch_types.hpp>
#include <qat/core/float_arithmetic.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

/// \file
/// The one place that adapts xsimd: batches of float and int32, and the operations that have the same bits on every
/// architecture. Each has a scalar overload of the same name, so that one template body serves a float and a batch.
///
/// Call these functions qualified (core::fma): argument-dependent lookup would also find xsimd's, whose fma is a product
/// and a sum on most x86 architectures.

namespace qat::core {

// ---- products and sums --------------------------------------------------------------------------------------------

/// x in a register whose origin the compiler cannot see (see the float overload).
template <class Arch>
[[nodiscard]] QAT_INLINE float_batch<Arch> opaque(float_batch<Arch> x) noexcept {
  detail::hide(x.data);
  return x;
}

/// The rounded product in each lane, never fused into a neighbouring sum.
///
///   fl32(a * b)
///
/// Error  correctly rounded.  Cost  one multiplication.
template <class Arch>
[[nodiscard]] QAT_INLINE float_batch<Arch> product(float_batch<Arch> a,
                                                   float_batch<Arch> b) noexcept {
  return core::opaque(float_batch<Arch>(a * b));
}

/// Fused multiply-add in each lane, rounded once on every architecture.
///
///   fl32(a * b + c)
///
/// Error     correctly rounded.
/// Cost      one instruction on avx512*, fma3<...> and neon64; elsewhere the scalar emulation, lane by lane.
/// Backends  bit-identical to core::fma(float, float, float), NaN payloads aside.
template <class Arch>
[[nodiscard]] QAT_INLINE float_batch<Arch> fma(float_batch<Arch> a, float_batch<Arch> b,
                                               float_batch<Arch> c) noexcept {
  if constexpr (detail::fuses<Arch>) {
#if defined(__AVX512F__)
    if constexpr (sizeof(a.data) == 64) return _mm512_fmadd_ps(a.data, b.data, c.data);
#endif
#if defined(__FMA__)
    if constexpr (sizeof(a.data) == 32) return _mm256_fmadd_ps(a.data, b.data, c.data);
    if constexpr (sizeof(a.data) == 16) return _mm_fmadd_ps(a.data, b.data, c.data);
#elif defined(__aarch64__)
    return vfmaq_f32(c.data, a.data, b.data);
#endif
  } else {
    constexpr std::size_t lanes = lane_count<Arch>;
    float x[lanes], y[lanes], z[lanes];
    a.store_unaligned(x);
    b.store_unaligned(y);
    c.store_unaligned(z);
    for (std::size_t i = 0; i < lanes; ++i) z[i] = detail::fma_emulated(x[i], y[i], z[i]);
    return float_batch<Arch>::load_unaligned(z);
  }
}

/// The quotient in each lane. Write this instead of operator/: xsimd 8.1 refines an estimate on ARM.
///
///   fl32(a / b)
///
/// Error  correctly rounded.
template <class Arch>
[[nodiscard]] QAT_INLINE float_batch<Arch> divide(float_batch<Arch> a,
                                                  float_batch<Arch> b) noexcept {
#if defined(__aarch64__)
  return vdivq_f32(a.data, b.data);
#else
  return a / b;
#endif
}
[[nodiscard]] QAT_INLINE constexpr float divide(float a, float b) noexcept {
  return a / b;
}

/// Square root in each lane; NaN below zero, sqrt(-0) = -0.
///
/// Error  correctly rounded.
template <class Arch>
[[nodiscard]] QAT_INLINE float_batch<Arch> sqrt(float_batch<Arch> x) noexcept {
#if defined(__aarch64__)
  return vsqrtq_f32(x.data);
#else
  return xsimd::sqrt(x);
#endif
}
[[nodiscard]] QAT_INLINE float sqrt(float x) noexcept {
  return std::sqrt(x);
}

// ---- bits ---------------------------------------------------------------------------------------------------------

/// The IEEE 754 pattern of each lane as int32.
template <class Arch>
[[nodiscard]] QAT_INLINE int_batch<Arch> bits_of(float_batch<Arch> x) noexcept {
  return xsimd::bitwise_cast<int_batch<Arch>>(x);
}
[[nodiscard]] QAT_INLINE constexpr std::int32_t bits_of(float x) noexcept {
  return std::bit_cast<std::int32_t>(x);
}

/// The floats with these patterns.
template <class Arch>
[[nodiscard]] QAT_INLINE float_batch<Arch> float_of_bits(int_batch<Arch> bits) noexcept {
  return xsimd::bitwise_cast<float_batch<Arch>>(bits);
}
[[nodiscard]] QAT_INLINE constexpr float float_of_bits(std::int32_t bits) noexcept {
  return std::bit_cast<float>(bits);
}

/// The pattern without its sign: as an integer it orders magnitudes, finite < infinity < NaN.
template <class Arch>
[[nodiscard]] QAT_INLINE int_batch<Arch> magnitude_bits(float_batch<Arch> x) noexcept {
  return core::bits_of(x) & int_batch<Arch>(0x7fffffff);
}
[[nodiscard]] QAT_INLINE constexpr std::int32_t magnitude_bits(float x) noexcept {
  return core::bits_of(x) & 0x7fffffff;
}

/// |x|: the sign bit cleared, NaN included.
template <float_lanes V>
[[nodiscard]] QAT_INLINE V absolute(V x) noexcept {
  return core::float_of_bits(core::magnitude_bits(x));
}

/// -x: the sign bit flipped, zeros and NaN included. Write this instead of a unary minus on batches: xsimd 8.1 subtracts
/// from zero on AVX-512, which gives +0 for +0.
template <float_lanes V>
[[nodiscard]] QAT_INLINE V negate(V x) noexcept {
  using I = integer_lanes<V>;
  return core::float_of_bits(I(core::bits_of(x) ^ I(std::numeric_limits<std::int32_t>::min())));
}

/// An integer that orders all floats as numbers: -NaN < -inf < ... < -0 < +0 < ... < inf < NaN. Its own inverse on bits.
///
///   bits ^ (bits < 0 ? 0x7fffffff : 0)
template <class Arch>
[[nodiscard]] QAT_INLINE int_batch<Arch> order_key(int_batch<Arch> bits) noexcept {
  return bits ^ ((bits >> 31) & int_batch<Arch>(0x7fffffff));
}
[[nodiscard]] QAT_INLINE constexpr std::int32_t order_key(std::int32_t bits) noexcept {
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

/// bits shifted left by Count, zeros from the right; what leaves the word is lost.
template <int Count, class Arch>
[[nodiscard]] QAT_INLINE int_batch<Arch> shift_left(int_batch<Arch> bits) noexcept {
  return bits << Count;
}
template <int Count>
[[nodiscard]] QAT_INLINE constexpr std::int32_t shift_left(std::int32_t bits) noexcept {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(bits) << Count);
}

/// floor(bits / 2^Count).
template <int Count, class Arch>
[[nodiscard]] QAT_INLINE int_batch<Arch> shift_right(int_batch<Arch> bits) noexcept {
  return bits >> Count;
}
template <int Count>
[[nodiscard]] QAT_INLINE constexpr std::int32_t shift_right(std::int32_t bits) noexcept {
  return bits >> Count;
}

// ---- choices and conversions --------------------------------------------------------------------------------------

/// mask ? a : b in each lane.
template <class Arch>
[[nodiscard]] QAT_INLINE float_batch<Arch> select(xsimd::batch_bool<float, Arch> mask,
                                                  float_batch<Arch> a,
                                                  float_batch<Arch> b) noexcept {
  return xsimd::select(mask, a, b);
}
template <class Arch>
[[nodiscard]] QAT_INLINE int_batch<Arch> select(xsimd::batch_bool<std::int32_t, Arch> mask,
                                                int_batch<Arch> a, int_batch<Arch> b) noexcept {
#if defined(__AVX512F__)
  // xsimd 8.1's does not compile here under g++ -O0.
  if constexpr (std::is_base_of_v<xsimd::avx512f, Arch>)
    return _mm512_mask_blend_epi32(mask.data, b.data, a.data);
  else
#endif
    return xsimd::select(mask, a, b);
}
[[nodiscard]] QAT_INLINE constexpr float select(bool mask, float a, float b) noexcept {
  return mask ? a : b;
}
[[nodiscard]] QAT_INLINE constexpr std::int32_t select(bool mask, std::int32_t a,
                                                       std::int32_t b) noexcept {
  return mask ? a : b;
}

/// A mask over int32 lanes as one over float lanes.
template <class Arch>
[[nodiscard]] QAT_INLINE xsimd::batch_bool<float, Arch> float_mask(
    xsimd::batch_bool<std::int32_t, Arch> mask) noexcept {
  return xsimd::bool_cast(mask);
}
[[nodiscard]] QAT_INLINE constexpr bool float_mask(bool mask) noexcept {
  return mask;
}

/// True if a lane of the mask is set.
template <class Arch>
[[nodiscard]] QAT_INLINE bool any(xsimd::batch_bool<float, Arch> mask) noexcept {
  return xsimd::any(mask);
}
template <class Arch>
[[nodiscard]] QAT_INLINE bool any(xsimd::batch_bool<std::int32_t, Arch> mask) noexcept {
  return xsimd::any(mask);
}
[[nodiscard]] QAT_INLINE constexpr bool any(bool mask) noexcept {
  return mask;
}

/// The integer in each lane as float. Valid for |n| <= 2^24 exactly, beyond rounded to nearest even.
template <class Arch>
[[nodiscard]] QAT_INLINE float_batch<Arch> to_float(int_batch<Arch> n) noexcept {
  return xsimd::to_float(n);
}
[[nodiscard]] QAT_INLINE constexpr float to_float(std::int32_t n) noexcept {
  return static_cast<float>(n);
}

/// The float in each lane without its fraction, as integer. Valid for |x| < 2^31.
template <class Arch>
[[nodiscard]] QAT_INLINE int_batch<Arch> truncate_to_int(float_batch<Arch> x) noexcept {
  return xsimd::to_int(x);
}
[[nodiscard]] QAT_INLINE constexpr std::int32_t truncate_to_int(float x) noexcept {
  return static_cast<std::int32_t>(x);
}

namespace detail {

/// True where xsimd's roundings are instructions; its generic ones lose the sign of zero.
template <class Arch>
inline constexpr bool rounds_in_hardware =
    std::is_base_of_v<xsimd::sse4_1, Arch> || std::is_base_of_v<xsimd::avx, Arch> ||
    std::is_base_of_v<xsimd::avx512f, Arch>;

/// `rounded` with the sign of x where |x| < 2^23; x where it has no fraction (NaN and infinities included).
template <class Arch>
[[nodiscard]] QAT_INLINE float_batch<Arch> signed_integer_or(float_batch<Arch> rounded,
                                                             float_batch<Arch> x) noexcept {
  const int_batch<Arch> sign = core::bits_of(x) & ~int_batch<Arch>(0x7fffffff);
  const auto has_fraction = core::magnitude_bits(x) < int_batch<Arch>(0x4b000000);
  return core::float_of_bits(core::select(
      has_fraction, int_batch<Arch>(core::magnitude_bits(rounded) | sign), core::bits_of(x)));
}

}  // namespace detail

/// The nearest integer in each lane as float, ties to even; zeros keep their sign.
///
/// Valid  all floats; NaN and infinities stay.
/// Error  exact.
template <class Arch>
[[nodiscard]] QAT_INLINE float_batch<Arch> nearbyint(float_batch<Arch> x) noexcept {
  if constexpr (detail::rounds_in_hardware<Arch>) {
    return xsimd::nearbyint(x);
  } else {
#if defined(__aarch64__)
    return vrndnq_f32(x.data);
#else
    const float_batch<Arch> magic(0x1p23f);  // floats from here on are integers
    const float_batch<Arch> magnitude = core::float_of_bits(core::magnitude_bits(x));
    return detail::signed_integer_or(float_batch<Arch>((magnitude + magic) - magic), x);
#endif
  }
}
[[nodiscard]] QAT_INLINE float nearbyint(float x) noexcept {
  return std::nearbyint(x);
}

/// The integer part in each lane as float; zeros keep their sign.
///
/// Valid  all floats; NaN and infinities stay.
/// Error  exact.
template <class Arch>
[[nodiscard]] QAT_INLINE float_batch<Arch> trunc(float_batch<Arch> x) noexcept {
  if constexpr (detail::rounds_in_hardware<Arch>) {
    return xsimd::trunc(x);
  } else {
#if defined(__aarch64__)
    return vrndq_f32(x.data);
#else
    return detail::signed_integer_or(core::to_float(core::truncate_to_int(x)), x);
#endif
  }
}
[[nodiscard]] QAT_INLINE float trunc(float x) noexcept {
  return std::trunc(x);
}

/// The largest integer not above x in each lane as float; zeros keep their sign.
///
/// Valid  all floats; NaN and infinities stay.
/// Error  exact.
template <class Arch>
[[nodiscard]] QAT_INLINE float_batch<Arch> floor(float_batch<Arch> x) noexcept {
  if constexpr (detail::rounds_in_hardware<Arch>) {
    return xsimd::floor(x);
  } else {
#if defined(__aarch64__)
    return vrndmq_f32(x.data);
#else
    const float_batch<Arch> part = core::trunc(x);
    return core::select(part > x, float_batch<Arch>(part - float_batch<Arch>(1.0f)), part);
#endif
  }
}
[[nodiscard]] QAT_INLINE float floor(float x) noexcept {
  return std::floor(x);
}

/// The larger and the smaller integer in each lane.
template <class Arch>
[[nodiscard]] QAT_INLINE int_batch<Arch> max(int_batch<Arch> a, int_batch<Arch> b) noexcept {
  return xsimd::max(a, b);
}
template <class Arch>
[[nodiscard]] QAT_INLINE int_batch<Arch> min(int_batch<Arch> a, int_batch<Arch> b) noexcept {
  return xsimd::min(a, b);
}
[[nodiscard]] QAT_INLINE constexpr std::int32_t max(std::int32_t a, std::int32_t b) noexcept {
  return a < b ? b : a;
}
[[nodiscard]] QAT_INLINE constexpr std::int32_t min(std::int32_t a, std::int32_t b) noexcept {
  return b < a ? b : a;
}

/// Max of the lanes of an integer batch.
template <class Arch>
[[nodiscard]] QAT_INLINE std::int32_t reduce_max(int_batch<Arch> x) noexcept {
#if defined(__AVX2__)
  // Halves of registers: short groups end in this every few loads. A 512-bit register is halved through memory, since
  // g++ 12 warns about its own extracting intrinsics where a user's unit includes <immintrin.h> before this file.
  if constexpr (std::is_base_of_v<xsimd::avx2, Arch> || std::is_base_of_v<xsimd::avx512f, Arch>) {
    alignas(64) std::int32_t halves[lane_count<Arch>];
    x.store_unaligned(halves);
    const int_batch<xsimd::avx2> low = int_batch<xsimd::avx2>::load_unaligned(halves);
    const int_batch<xsimd::avx2> high =
        int_batch<xsimd::avx2>::load_unaligned(halves + lane_count<Arch> - 8);
    const __m256i wide = _mm256_max_epi32(low.data, high.data);
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
    return _mm_cvtsi128_si32(m);
  }
#endif
  {
    std::int32_t lanes[lane_count<Arch>];
    x.store_unaligned(lanes);
    std::int32_t result = lanes[0];
    for (std::size_t i = 1; i < lane_count<Arch>; ++i) result = core::max(result, lanes[i]);
    return result;
  }
}

/// Min of the lanes of an integer batch.
template <class Arch>
[[nodiscard]] QAT_INLINE std::int32_t reduce_min(int_batch<Arch> x) noexcept {
  return ~core::reduce_max(int_batch<Arch>(~x));  // ~ reverses the order of integers
}

/// Max and min of the lanes of a float batch in the order of order_key: -0 < +0, a positive NaN above all, a negative NaN
/// below all; independent of the order of the lanes.
template <class Arch>
[[nodiscard]] QAT_INLINE float reduce_max(float_batch<Arch> x) noexcept {
  return core::float_of_bits(core::order_key(core::reduce_max(core::order_key(core::bits_of(x)))));
}
template <class Arch>
[[nodiscard]] QAT_INLINE float reduce_min(float_batch<Arch> x) noexcept {
  return core::float_of_bits(core::order_key(core::reduce_min(core::order_key(core::bits_of(x)))));
}

// ---- memory -------------------------------------------------------------------------------------------------------

/// The lanes at p, no alignment needed.
template <class Arch = default_arch>
[[nodiscard]] QAT_INLINE float_batch<Arch> load(const float* p) noexcept {
  return float_batch<Arch>::load_unaligned(p);
}

template <class Arch>
QAT_INLINE void store(float* p, float_batch<Arch> x) noexcept {
  x.store_unaligned(p);
}

/// The first n lanes at p, +0 in the others; reads nothing beyond p + n.
///
/// Valid  n <= lane_count<Arch>.
template <class Arch = default_arch>
[[nodiscard]] QAT_INLINE float_batch<Arch> load_first(const float* p, std::size_t n) noexcept {
  float lanes[lane_count<Arch>] = {};
  for (std::size_t i = 0; i < n; ++i) lanes[i] = p[i];
  return float_batch<Arch>::load_unaligned(lanes);
}

/// Writes the first n lanes of x to p, and nothing beyond p + n.
///
/// Valid  n <= lane_count<Arch>.
template <class Arch>
QAT_INLINE void store_first(float* p, std::size_t n, float_batch<Arch> x) noexcept {
  float lanes[lane_count<Arch>];
  x.store_unaligned(lanes);
  for (std::size_t i = 0; i < n; ++i) p[i] = lanes[i];
}

}  // namespace qat::core
