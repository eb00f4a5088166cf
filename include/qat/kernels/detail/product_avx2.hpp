#pragma once

#include <qat/kernels/detail/product_job.hpp>
#include <qat/kernels/detail/product_registers.hpp>

#include <cstddef>
#include <cstdint>

/// \file
/// The AVX2 path of the products of codes, a target region: it compiles whatever the translation unit's architecture is,
/// and may run only where the CPU has AVX2 and FMA.

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

namespace qat::detail::avx2_region {

struct integers_16 {
  int32x8 low, high;
};
struct pieces_16 {
  uint32x8 low, high;
};
struct reals_16 {
  float32x8 low, high;
};
struct shorts_32 {
  int16x16 low, high;  ///< 8 columns each; a column has two sums beside each other
};

/// The same value in every lane.
QAT_INLINE int32x8 splat(std::int32_t v) {
  return int32x8{v, v, v, v, v, v, v, v};
}
QAT_INLINE float32x8 splat(float v) {
  return float32x8{v, v, v, v, v, v, v, v};
}

/// a + b modulo 2^32: partial sums may wrap, whole ones do not.
QAT_INLINE int32x8 add_modular(int32x8 a, int32x8 b) {
  return __builtin_bit_cast(int32x8,
                            __builtin_bit_cast(uint32x8, a) + __builtin_bit_cast(uint32x8, b));
}

/// Neighbouring products of 16-bit lanes, summed.
QAT_INLINE int32x8 dot_pairs(int16x16 a, int16x16 b) {
  return __builtin_ia32_pmaddwd256(a, b);
}

/// 64 bytes as two registers. One at a time: g++ copies the pair through the stack in quarters, and a register that is read
/// from two of them waits for both.
template <class Pair>
QAT_INLINE Pair load_pair(const void* from) {
  Pair v;
  __builtin_memcpy(&v.low, from, sizeof v.low);
  __builtin_memcpy(&v.high, static_cast<const char*>(from) + sizeof v.low, sizeof v.high);
  return v;
}

/// A row of a block, `columns` of its 16 elements of four bytes; the others 0.
template <class Pair>
QAT_INLINE Pair load_columns(const float* from, std::size_t columns) {
  if (columns == block_columns) return load_pair<Pair>(from);
  Pair v = {};
  __builtin_memcpy(&v, from, columns * 4);
  return v;
}
template <class Pair>
QAT_INLINE void store_columns(float* to, const Pair& v, std::size_t columns) {
  if (columns == block_columns) {
    __builtin_memcpy(to, &v.low, sizeof v.low);
    __builtin_memcpy(to + 8, &v.high, sizeof v.high);
  } else {
    __builtin_memcpy(to, &v, columns * 4);
  }
}

/// What both widths of accumulators share: 16 columns in two registers.
struct lanes_base {
  using integers = integers_16;
  using reals = reals_16;

  static QAT_INLINE integers add_integers(integers a, integers b) {
    return {add_modular(a.low, b.low), add_modular(a.high, b.high)};
  }
  static QAT_INLINE integers load_integers(const float* y, std::size_t columns) {
    return load_columns<integers>(y, columns);
  }
  static QAT_INLINE void store_integers(float* y, integers v, std::size_t columns) {
    store_columns(y, v, columns);
  }

  static QAT_INLINE reals real(integers v) {
    return {__builtin_convertvector(v.low, float32x8), __builtin_convertvector(v.high, float32x8)};
  }
  static QAT_INLINE reals spread(float v) { return {splat(v), splat(v)}; }
  static QAT_INLINE reals mul(reals a, reals b) { return {a.low * b.low, a.high * b.high}; }
  static QAT_INLINE reals fma(reals a, reals b, reals c) {
    return {__builtin_ia32_vfmaddps256(a.low, b.low, c.low),
            __builtin_ia32_vfmaddps256(a.high, b.high, c.high)};
  }
  static QAT_INLINE reals load_all(const float* p) { return load_pair<reals>(p); }
  static QAT_INLINE reals load(const float* y, std::size_t columns) {
    return load_columns<reals>(y, columns);
  }
  static QAT_INLINE void store(float* y, reals v, std::size_t columns) {
    store_columns(y, v, columns);
  }
};

/// Neighbouring products of unsigned and signed bytes, summed; saturates.
QAT_INLINE int16x16 dot_byte_pairs(int32x8 unsigned_bytes, int32x8 signed_bytes) {
  return __builtin_bit_cast(
      int16x16, __builtin_ia32_pmaddubsw256(__builtin_bit_cast(char8x32, unsigned_bytes),
                                            __builtin_bit_cast(char8x32, signed_bytes)));
}

/// a + the sums of neighbouring lanes of b, modulo 2^32.
QAT_INLINE int32x8 add_pairs(int32x8 a, int16x16 b) {
  return add_modular(a, dot_pairs(b, __builtin_bit_cast(int16x16, splat(0x00010001))));
}

/// 4 and 2 bits: the products of a few pieces are summed in 16 bits.
template <int Bits>
struct lanes : lanes_base {
  static constexpr bool has_fields_in_place = false;
  using sums = integers_16;
  using partial = shorts_32;
  using piece = pieces_16;
  using weights = integers_16;
  using codes = int32x8;

  /// Fields of a piece add at most 2 (2^Bits - 1) 128 each: 4 pieces of 4 bits and 10 of 2 bits stay below 30721.
  static constexpr std::size_t partial_pieces =
      32767 / (2 * ((std::size_t{1} << Bits) - 1) * 128 * piece_fields<Bits>);

  static QAT_INLINE sums start(std::int32_t value) { return {splat(value), splat(value)}; }
  static QAT_INLINE partial start_partial() { return {int16x16{}, int16x16{}}; }
  static QAT_INLINE partial dot(partial s, weights w, codes x) {
    return {s.low + dot_byte_pairs(w.low, x), s.high + dot_byte_pairs(w.high, x)};
  }
  static QAT_INLINE sums add_partial(sums s, partial p) {
    return {add_pairs(s.low, p.low), add_pairs(s.high, p.high)};
  }
  static QAT_INLINE sums add(sums a, sums b) { return add_integers(a, b); }
  static QAT_INLINE integers finish(sums s) { return s; }

  static QAT_INLINE piece load_piece(const std::uint8_t* p) { return load_pair<piece>(p); }
  static QAT_INLINE void keep(piece&) {}
  template <int F>
  static QAT_INLINE int32x8 field_half(uint32x8 bytes) {
    constexpr std::uint32_t mask = 0x01010101u * ((1u << Bits) - 1u);
    bytes >>= F * Bits;  // what crosses a byte falls to the mask
    return __builtin_bit_cast(int32x8, bytes) & splat(static_cast<std::int32_t>(mask));
  }
  template <int F>
  static QAT_INLINE weights field(piece bytes) {
    return {field_half<F>(bytes.low), field_half<F>(bytes.high)};
  }
  static QAT_INLINE codes quad(const std::int8_t* x) {
    std::int32_t four = 0;
    __builtin_memcpy(&four, x, sizeof four);
    return splat(four);
  }
};

/// 16 bytes as 16-bit lanes: one instruction, of which g++ makes five where it converts vectors itself.
QAT_INLINE int16x16 widen(uint8x16 v) {
#if defined(__clang__)
  return __builtin_convertvector(v, int16x16);
#else
  return __builtin_ia32_pmovzxbw256(__builtin_bit_cast(char8x16, v));
#endif
}
QAT_INLINE int16x16 widen(int8x16 v) {
#if defined(__clang__)
  return __builtin_convertvector(v, int16x16);
#else
  return __builtin_ia32_pmovsxbw256(__builtin_bit_cast(char8x16, v));
#endif
}

struct pair_sums {
  int32x8 part[4];  ///< four columns each; a column has two sums beside each other
};
struct wide_weights {
  int16x16 part[4];
};

/// 8 bits: maddubs would saturate (255 * 127 * 2), so both sides are widened to 16 bits.
template <>
struct lanes<8> : lanes_base {
  static constexpr bool has_fields_in_place = false;
  using sums = pair_sums;
  using partial = pair_sums;
  static constexpr std::size_t partial_pieces = 0;
  using piece = wide_weights;
  using weights = wide_weights;
  using codes = int16x16;

  static QAT_INLINE sums start(std::int32_t value) {
    const int32x8 v = {value, 0, value, 0, value, 0, value, 0};
    return {{v, v, v, v}};
  }
  static QAT_INLINE sums dot(const sums& s, const weights& w, codes x) {
    return {{add_modular(s.part[0], dot_pairs(w.part[0], x)),
             add_modular(s.part[1], dot_pairs(w.part[1], x)),
             add_modular(s.part[2], dot_pairs(w.part[2], x)),
             add_modular(s.part[3], dot_pairs(w.part[3], x))}};
  }
  static QAT_INLINE sums add(const sums& a, const sums& b) {
    return {{add_modular(a.part[0], b.part[0]), add_modular(a.part[1], b.part[1]),
             add_modular(a.part[2], b.part[2]), add_modular(a.part[3], b.part[3])}};
  }
  static QAT_INLINE int32x8 join(int32x8 a, int32x8 b) {
    return add_modular(__builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14),
                       __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15));
  }
  static QAT_INLINE integers finish(const sums& s) {
    return {join(s.part[0], s.part[1]), join(s.part[2], s.part[3])};
  }

  static QAT_INLINE int16x16 load_widened(const std::uint8_t* p) {
    uint8x16 bytes;
    __builtin_memcpy(&bytes, p, sizeof bytes);
    return widen(bytes);
  }
  static QAT_INLINE piece load_piece(const std::uint8_t* p) {
    return {{load_widened(p), load_widened(p + 16), load_widened(p + 32), load_widened(p + 48)}};
  }
  static QAT_INLINE void keep(piece&) {}
  template <int F>
  static QAT_INLINE const weights& field(const piece& codes) {
    return codes;
  }
  static QAT_INLINE codes quad(const std::int8_t* x) {
    std::int32_t four = 0;
    __builtin_memcpy(&four, x, sizeof four);
    const int32x4 copies = {four, four, four, four};
    return widen(__builtin_bit_cast(int8x16, copies));
  }
};

/// The sum of `length` codes.
inline std::int32_t sum_codes(const std::int8_t* x, std::size_t length) {
  const int32x8 ones = splat(0x01010101);
  int32x8 sums = {};
  std::size_t k = 0;
  for (; k + 32 <= length; k += 32) {
    int32x8 codes;
    __builtin_memcpy(&codes, x + k, sizeof codes);
    sums = add_pairs(sums, dot_byte_pairs(ones, codes));
  }
  std::int32_t total = 0;
  for (int lane = 0; lane < 8; ++lane) total += sums[lane];
  for (; k < length; ++k) total += x[k];
  return total;
}

#include <qat/kernels/detail/product_tile.inl>

}  // namespace qat::detail::avx2_region

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace qat::detail {

/// The path as the driver sees it: 16 registers hold one block of columns and few rows.
struct avx2_kernels {
  template <int Bits, scale_mode Mode>
  static constexpr std::size_t tile_rows = Bits == 8 ? 2 : 4;
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
