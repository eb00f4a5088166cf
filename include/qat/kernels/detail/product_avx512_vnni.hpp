#pragma once

#include <qat/kernels/detail/product_job.hpp>
#include <qat/kernels/detail/product_registers.hpp>

#include <cstddef>
#include <cstdint>

/// \file
/// The AVX-512 VNNI path of the products of codes, a target region: it compiles whatever the translation unit's
/// architecture is, and may run only where the CPU has the instructions.

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(                                                          \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")
#endif

namespace qat::detail::avx512_vnni_region {

/// The same value in every lane.
QAT_INLINE int32x16 splat(std::int32_t v) {
  return int32x16{v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v};
}
QAT_INLINE float32x16 splat(float v) {
  return float32x16{v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v};
}

/// a + b modulo 2^32: partial sums may wrap, whole ones do not.
QAT_INLINE int32x16 add_modular(int32x16 a, int32x16 b) {
  return __builtin_bit_cast(int32x16,
                            __builtin_bit_cast(uint32x16, a) + __builtin_bit_cast(uint32x16, b));
}

/// sums + the four products of unsigned and signed bytes in each lane, modulo 2^32.
QAT_INLINE int32x16 dot_bytes(int32x16 sums, int32x16 unsigned_bytes, int32x16 signed_bytes) {
#if defined(__clang__)
  return __builtin_ia32_vpdpbusd512(sums, unsigned_bytes, signed_bytes);
#else
  return __builtin_ia32_vpdpbusd_v16si(sums, unsigned_bytes, signed_bytes);
#endif
}

/// 16 columns in one register.
template <int Bits>
struct lanes {
  using sums = int32x16;
  using partial = int32x16;
  static constexpr std::size_t partial_pieces = 0;
  using piece = uint32x16;
  using weights = int32x16;
  using codes = int32x16;
  using integers = int32x16;
  using reals = float32x16;

  static QAT_INLINE sums start(std::int32_t value) { return splat(value); }
  static QAT_INLINE sums dot(sums s, weights w, codes x) { return dot_bytes(s, w, x); }
  static QAT_INLINE sums add(sums a, sums b) { return add_modular(a, b); }

  static QAT_INLINE piece load_piece(const std::uint8_t* p) {
    piece bytes;
    __builtin_memcpy(&bytes, p, sizeof bytes);
    return bytes;
  }
  static QAT_INLINE void keep(piece& bytes) { asm("" : "+v"(bytes)); }

  /// The field's bits of every byte, moved down by Shift; what crosses a byte falls to the mask.
  template <int F, int Shift>
  static QAT_INLINE weights masked(piece bytes) {
    if constexpr (Bits == 8) return __builtin_bit_cast(weights, bytes);
    constexpr std::uint32_t mask = 0x01010101u * (((1u << Bits) - 1u) << (F * Bits - Shift));
    return __builtin_bit_cast(weights, bytes >> Shift) & splat(static_cast<std::int32_t>(mask));
  }
  template <int F>
  static QAT_INLINE weights field(piece bytes) {
    return masked<F, F * Bits>(bytes);
  }

  static constexpr bool has_fields_in_place = true;
  template <int F>
  static QAT_INLINE weights field_in_place(piece bytes) {
    return masked<F, 0>(bytes);
  }
  template <int Shift>
  static QAT_INLINE sums divide(sums s) {
    return s >> Shift;
  }

  static QAT_INLINE codes quad(const std::int8_t* x) {
    std::int32_t four = 0;
    __builtin_memcpy(&four, x, sizeof four);
    return splat(four);
  }

  static QAT_INLINE integers finish(sums s) { return s; }
  static QAT_INLINE integers add_integers(integers a, integers b) { return add_modular(a, b); }
  static QAT_INLINE integers load_integers(const float* y, std::size_t columns) {
    integers v = {};
    copy_columns(&v, y, columns);
    return v;
  }
  static QAT_INLINE void store_integers(float* y, integers v, std::size_t columns) {
    copy_columns(y, &v, columns);
  }

  static QAT_INLINE reals real(integers v) { return __builtin_convertvector(v, reals); }
  static QAT_INLINE reals spread(float v) { return splat(v); }
  static QAT_INLINE reals mul(reals a, reals b) { return a * b; }
  static QAT_INLINE reals fma(reals a, reals b, reals c) {
#if defined(__clang__)
    constexpr unsigned short all = 0xffff;
#else
    constexpr short all = -1;
#endif
    constexpr int current_rounding = 4;
    return __builtin_ia32_vfmaddps512_mask(a, b, c, all, current_rounding);
  }
  static QAT_INLINE reals load_all(const float* p) {
    reals v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
  }
  static QAT_INLINE reals load(const float* y, std::size_t columns) {
    reals v = {};
    copy_columns(&v, y, columns);
    return v;
  }
  static QAT_INLINE void store(float* y, reals v, std::size_t columns) {
    copy_columns(y, &v, columns);
  }
};

/// The sum of `length` codes.
inline std::int32_t sum_codes(const std::int8_t* x, std::size_t length) {
  int32x16 sums = {};
  std::size_t k = 0;
  for (; k + 64 <= length; k += 64) {
    int32x16 codes;
    __builtin_memcpy(&codes, x + k, sizeof codes);
    sums = dot_bytes(sums, splat(0x01010101), codes);
  }
  std::int32_t sum = 0;
  for (int lane = 0; lane < 16; ++lane) sum += sums[lane];
  for (; k < length; ++k) sum += x[k];
  return sum;
}

#include <qat/kernels/detail/product_tile.inl>

}  // namespace qat::detail::avx512_vnni_region

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
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
