#pragma once

#include <qat/kernels/detail/product_job.hpp>

#include <cstddef>
#include <cstdint>

/// \file
/// The AVX-512 VNNI path of the products of codes, a target region: it compiles whatever the translation unit's
/// architecture is, and may run only where the CPU has the instructions.

#if defined(__x86_64__)

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
    "-Wuninitialized"  // g++ 12: its AVX-512 intrinsics begin with undefined registers
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(                                                          \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")
#endif

namespace qat::detail::avx512_vnni_region {

/// 16 columns in one register.
template <int Bits>
struct lanes {
  using sums = __m512i;
  using piece = __m512i;
  using weights = __m512i;
  using codes = __m512i;
  using integers = __m512i;
  using reals = __m512;

  static QAT_INLINE sums start(std::int32_t value) { return _mm512_set1_epi32(value); }
  static QAT_INLINE sums dot(sums s, weights w, codes x) { return _mm512_dpbusd_epi32(s, w, x); }
  static QAT_INLINE sums add(sums a, sums b) { return _mm512_add_epi32(a, b); }

  static QAT_INLINE piece load_piece(const std::uint8_t* p) { return _mm512_load_si512(p); }
  static QAT_INLINE void keep(piece& bytes) { asm("" : "+v"(bytes)); }
  template <int F>
  static QAT_INLINE weights field(piece bytes) {
    if constexpr (Bits == 8)
      return bytes;
    else if constexpr (F == 0)
      return _mm512_and_si512(bytes, _mm512_set1_epi8((1 << Bits) - 1));
    else
      return _mm512_and_si512(_mm512_srli_epi16(bytes, F * Bits),
                              _mm512_set1_epi8((1 << Bits) - 1));
  }

  static constexpr bool has_fields_in_place = true;
  template <int F>
  static QAT_INLINE weights field_in_place(piece bytes) {
    if constexpr (Bits == 8)
      return bytes;
    else
      return _mm512_and_si512(bytes,
                              _mm512_set1_epi8(static_cast<char>(((1 << Bits) - 1) << (F * Bits))));
  }
  template <int Shift>
  static QAT_INLINE sums divide(sums s) {
    return _mm512_srai_epi32(s, Shift);
  }
  static QAT_INLINE codes quad(const std::int8_t* x) {
    std::int32_t four = 0;
    __builtin_memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
  }

  static QAT_INLINE __mmask16 first(std::size_t columns) {
    return static_cast<__mmask16>((1u << columns) - 1u);
  }

  static QAT_INLINE integers finish(sums s) { return s; }
  static QAT_INLINE integers add_integers(integers a, integers b) { return _mm512_add_epi32(a, b); }
  static QAT_INLINE integers load_integers(const float* y, std::size_t columns) {
    return _mm512_maskz_loadu_epi32(first(columns), y);
  }
  static QAT_INLINE void store_integers(float* y, integers v, std::size_t columns) {
    _mm512_mask_storeu_epi32(y, first(columns), v);
  }

  static QAT_INLINE reals real(integers v) { return _mm512_cvtepi32_ps(v); }
  static QAT_INLINE reals spread(float v) { return _mm512_set1_ps(v); }
  static QAT_INLINE reals mul(reals a, reals b) { return _mm512_mul_ps(a, b); }
  static QAT_INLINE reals fma(reals a, reals b, reals c) { return _mm512_fmadd_ps(a, b, c); }
  static QAT_INLINE reals load_all(const float* p) { return _mm512_load_ps(p); }
  static QAT_INLINE reals load(const float* y, std::size_t columns) {
    return _mm512_maskz_loadu_ps(first(columns), y);
  }
  static QAT_INLINE void store(float* y, reals v, std::size_t columns) {
    _mm512_mask_storeu_ps(y, first(columns), v);
  }
};

/// The sum of `length` codes.
inline std::int32_t sum_codes(const std::int8_t* x, std::size_t length) {
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i sum = _mm512_setzero_si512();
  std::size_t k = 0;
  for (; k + 64 <= length; k += 64) sum = _mm512_dpbusd_epi32(sum, ones, _mm512_loadu_si512(x + k));
  if (k < length) {
    const __mmask64 rest = (std::uint64_t{1} << (length - k)) - 1;
    sum = _mm512_dpbusd_epi32(sum, ones, _mm512_maskz_loadu_epi8(rest, x + k));
  }
  return _mm512_reduce_add_epi32(sum);
}

#include <qat/kernels/detail/product_tile.inl>

}  // namespace qat::detail::avx512_vnni_region

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

namespace qat::detail {

/// The path as the driver sees it. A tile of 8 rows by 3 blocks keeps 24 of 32 registers in accumulators; with groups, 4
/// by 3 leaves as many for the float sums.
struct avx512_vnni_kernels {
  template <int Bits, scale_mode Mode>
  static constexpr std::size_t tile_rows = Mode == scale_mode::per_channel ? 8 : 4;
  static constexpr std::size_t tile_blocks = 3;
  static constexpr std::size_t stream_blocks = 4;

  template <int Bits, scale_mode Mode, std::size_t MR, std::size_t NB>
  static void tile(const product_tile& t) {
    avx512_vnni_region::compute_tile<Bits, Mode, MR, NB>(t);
  }
  static std::int32_t sum_codes(const std::int8_t* x, std::size_t length) {
    return avx512_vnni_region::sum_codes(x, length);
  }
};

}  // namespace qat::detail

#endif
