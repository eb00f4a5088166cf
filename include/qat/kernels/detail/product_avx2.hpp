#pragma once

#include <qat/kernels/detail/product_job.hpp>

#include <cstddef>
#include <cstdint>

/// \file
/// The AVX2 path of the products of codes, a target region: it compiles whatever the translation unit's architecture is,
/// and may run only where the CPU has AVX2 and FMA.

#if defined(__x86_64__)

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

namespace qat::detail::avx2_region {

struct integers_16 {
  __m256i low, high;
};
struct reals_16 {
  __m256 low, high;
};

/// What both widths of accumulators share: 16 columns in two registers.
struct lanes_base {
  using integers = integers_16;
  using reals = reals_16;

  static QAT_INLINE integers add_integers(integers a, integers b) {
    return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
  }
  static QAT_INLINE integers load_integers(const float* y, std::size_t columns) {
    alignas(32) std::int32_t values[block_columns] = {};
    __builtin_memcpy(values, y, columns * sizeof(float));
    return {_mm256_load_si256(reinterpret_cast<const __m256i*>(values)),
            _mm256_load_si256(reinterpret_cast<const __m256i*>(values + 8))};
  }
  static QAT_INLINE void store_integers(float* y, integers v, std::size_t columns) {
    alignas(32) std::int32_t values[block_columns];
    _mm256_store_si256(reinterpret_cast<__m256i*>(values), v.low);
    _mm256_store_si256(reinterpret_cast<__m256i*>(values + 8), v.high);
    __builtin_memcpy(y, values, columns * sizeof(float));
  }

  static QAT_INLINE reals real(integers v) {
    return {_mm256_cvtepi32_ps(v.low), _mm256_cvtepi32_ps(v.high)};
  }
  static QAT_INLINE reals spread(float v) { return {_mm256_set1_ps(v), _mm256_set1_ps(v)}; }
  static QAT_INLINE reals mul(reals a, reals b) {
    return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
  }
  static QAT_INLINE reals fma(reals a, reals b, reals c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
  }
  static QAT_INLINE reals load_all(const float* p) {
    return {_mm256_load_ps(p), _mm256_load_ps(p + 8)};
  }
  static QAT_INLINE reals load(const float* y, std::size_t columns) {
    alignas(32) float values[block_columns] = {};
    __builtin_memcpy(values, y, columns * sizeof(float));
    return load_all(values);
  }
  static QAT_INLINE void store(float* y, reals v, std::size_t columns) {
    if (columns == block_columns) {
      _mm256_storeu_ps(y, v.low);
      _mm256_storeu_ps(y + 8, v.high);
      return;
    }
    alignas(32) float values[block_columns];
    _mm256_store_ps(values, v.low);
    _mm256_store_ps(values + 8, v.high);
    __builtin_memcpy(y, values, columns * sizeof(float));
  }
};

/// 4 and 2 bits: maddubs cannot saturate, |field * code| * 2 <= 15 * 128 * 2.
template <int Bits>
struct lanes : lanes_base {
  static constexpr bool has_fields_in_place = false;
  using sums = integers_16;
  using piece = integers_16;
  using weights = integers_16;
  using codes = __m256i;

  static QAT_INLINE sums start(std::int32_t value) {
    return {_mm256_set1_epi32(value), _mm256_set1_epi32(value)};
  }
  static QAT_INLINE __m256i dot_half(__m256i s, __m256i w, __m256i x) {
    return _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1)));
  }
  static QAT_INLINE sums dot(sums s, weights w, codes x) {
    return {dot_half(s.low, w.low, x), dot_half(s.high, w.high, x)};
  }
  static QAT_INLINE sums add(sums a, sums b) { return add_integers(a, b); }
  static QAT_INLINE integers finish(sums s) { return s; }

  static QAT_INLINE piece load_piece(const std::uint8_t* p) {
    return {_mm256_load_si256(reinterpret_cast<const __m256i*>(p)),
            _mm256_load_si256(reinterpret_cast<const __m256i*>(p + 32))};
  }
  static QAT_INLINE void keep(piece&) {}
  template <int F>
  static QAT_INLINE __m256i field_half(__m256i bytes) {
    const __m256i mask = _mm256_set1_epi8((1 << Bits) - 1);
    if constexpr (F == 0)
      return _mm256_and_si256(bytes, mask);
    else
      return _mm256_and_si256(_mm256_srli_epi16(bytes, F * Bits), mask);
  }
  template <int F>
  static QAT_INLINE weights field(piece bytes) {
    return {field_half<F>(bytes.low), field_half<F>(bytes.high)};
  }
  static QAT_INLINE codes quad(const std::int8_t* x) {
    std::int32_t four = 0;
    __builtin_memcpy(&four, x, sizeof four);
    return _mm256_set1_epi32(four);
  }
};

struct pair_sums {
  __m256i part[4];  ///< four columns each; a column has two sums beside each other
};

/// 8 bits: maddubs would saturate (255 * 127 * 2), so both sides are widened to 16 bits.
template <>
struct lanes<8> : lanes_base {
  static constexpr bool has_fields_in_place = false;
  using sums = pair_sums;
  using piece = pair_sums;
  using weights = pair_sums;
  using codes = __m256i;

  static QAT_INLINE sums start(std::int32_t value) {
    const __m256i v =
        _mm256_set1_epi64x(static_cast<std::int64_t>(static_cast<std::uint32_t>(value)));
    return {{v, v, v, v}};
  }
  static QAT_INLINE sums dot(sums s, const weights& w, codes x) {
    return {{_mm256_add_epi32(s.part[0], _mm256_madd_epi16(w.part[0], x)),
             _mm256_add_epi32(s.part[1], _mm256_madd_epi16(w.part[1], x)),
             _mm256_add_epi32(s.part[2], _mm256_madd_epi16(w.part[2], x)),
             _mm256_add_epi32(s.part[3], _mm256_madd_epi16(w.part[3], x))}};
  }
  static QAT_INLINE sums add(sums a, const sums& b) {
    return {{_mm256_add_epi32(a.part[0], b.part[0]), _mm256_add_epi32(a.part[1], b.part[1]),
             _mm256_add_epi32(a.part[2], b.part[2]), _mm256_add_epi32(a.part[3], b.part[3])}};
  }
  static QAT_INLINE __m256i join(__m256i a, __m256i b) {
    return _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), 0xd8);
  }
  static QAT_INLINE integers finish(const sums& s) {
    return {join(s.part[0], s.part[1]), join(s.part[2], s.part[3])};
  }

  static QAT_INLINE __m256i widen(const std::uint8_t* p) {
    return _mm256_cvtepu8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static QAT_INLINE piece load_piece(const std::uint8_t* p) {
    return {{widen(p), widen(p + 16), widen(p + 32), widen(p + 48)}};
  }
  template <int F>
  static QAT_INLINE const weights& field(const piece& codes) {
    return codes;
  }
  static QAT_INLINE codes quad(const std::int8_t* x) {
    std::int32_t four = 0;
    __builtin_memcpy(&four, x, sizeof four);
    return _mm256_broadcastq_epi64(_mm_cvtepi8_epi16(_mm_cvtsi32_si128(four)));
  }
};

/// The sum of `length` codes.
inline std::int32_t sum_codes(const std::int8_t* x, std::size_t length) {
  const __m256i flip = _mm256_set1_epi8(-128);
  __m256i sum = _mm256_setzero_si256();
  std::size_t k = 0;
  for (; k + 32 <= length; k += 32) {
    const __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + k));
    sum = _mm256_add_epi64(sum,
                           _mm256_sad_epu8(_mm256_xor_si256(codes, flip), _mm256_setzero_si256()));
  }
  alignas(32) std::int64_t lane[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lane), sum);
  std::int64_t total = lane[0] + lane[1] + lane[2] + lane[3] - 128 * static_cast<std::int64_t>(k);
  for (; k < length; ++k) total += x[k];
  return static_cast<std::int32_t>(total);
}

#include <qat/kernels/detail/product_tile.inl>

}  // namespace qat::detail::avx2_region

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

namespace qat::detail {

/// The path as the driver sees it: 16 registers hold one block of columns and few rows.
struct avx2_kernels {
  template <int Bits, scale_mode Mode>
  static constexpr std::size_t tile_rows = Mode == scale_mode::per_channel&& Bits != 8 ? 4 : 2;
  static constexpr std::size_t tile_blocks = 1;
  static constexpr std::size_t stream_blocks = 1;

  template <int Bits, scale_mode Mode, std::size_t MR, std::size_t NB>
  static void tile(const product_tile& t) {
    avx2_region::compute_tile<Bits, Mode, MR, NB>(t);
  }
  static std::int32_t sum_codes(const std::int8_t* x, std::size_t length) {
    return avx2_region::sum_codes(x, length);
  }
};

}  // namespace qat::detail

#endif
