#pragma once

#include <qat/config.hpp>

#include <bit>
#include <cstdint>
#include <type_traits>

/// \file
/// The two operations that make float results independent of compiler, flags and instruction set: a fused multiply-add
/// that rounds once everywhere, and a product that no compiler can fuse into a neighbouring sum.
///
/// The rule of the library: no product is ever an operand of + or -. `a * b + c` is written `core::fma(a, b, c)`; where
/// the rounded product itself must be added or subtracted, it is written `core::product(a, b)`.

namespace qat::core {
namespace detail {

/// fma in double arithmetic, by rounding to odd; the same bits as the hardware's, NaN payloads aside.
///
///   fl32(a * b + c), rounded once
///
/// The product of two floats is exact in double (48 of 53 bits, exponents from -298 to 256). TwoSum gives the rounded sum
/// s and its exact error e. Truncating s toward zero and setting its last bit when e != 0 rounds to odd, and a value
/// rounded to odd with 53 >= 2 * 24 + 2 bits rounds to the same float as the exact one, subnormals and overflow included.
/// Contraction changes nothing here: p is exact, so p + c and fma(a, b, c) in double are the same number.
///
/// Valid   all floats; NaN and infinities as IEEE 754 defines for fusedMultiplyAdd.
/// Error   correctly rounded (to nearest even).
/// Source  Boldo and Melquiond 2008, Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd.
[[nodiscard]] constexpr float fma_emulated(float a, float b, float c) noexcept {
  const double p = static_cast<double>(a) * static_cast<double>(b);
  const double addend = static_cast<double>(c);
  const double s = p + addend;
  const double addend_seen = s - p;
  const double e = (p - (s - addend_seen)) + (addend - addend_seen);
  // e is NaN when s is infinite or NaN: both comparisons are false then, and s stays as it is.
  const bool inexact = (e < 0.0) | (e > 0.0);
  const bool away_from_zero = inexact & ((e < 0.0) != (s < 0.0));
  const std::uint64_t bits =
      (std::bit_cast<std::uint64_t>(s) - static_cast<std::uint64_t>(away_from_zero)) |
      static_cast<std::uint64_t>(inexact);
  return static_cast<float>(std::bit_cast<double>(bits));
}

}  // namespace detail

/// x, in a register whose origin the compiler cannot see: no product that made it is fused into what uses it.
///
/// Valid  all floats; bits, NaN payloads included, stay as they are.
/// Error  exact.
/// Cost   no instruction. Both compilers respect an empty asm on the register at every optimization level and under every
///        -ffp-contract setting, while clang's -ffp-contract=fast ignores pragmas.
[[nodiscard]] QAT_INLINE constexpr float opaque(float x) noexcept {
  if (!std::is_constant_evaluated()) {
#if defined(__SSE__)
    asm("" : "+x"(x));
#elif defined(__aarch64__)
    asm("" : "+w"(x));
#else
    asm("" : "+m"(x));
#endif
  }
  return x;
}

/// The rounded product of a and b as a number of its own: may be added or subtracted.
///
///   fl32(a * b)
///
/// Valid  all floats.
/// Error  correctly rounded; never fused into a neighbouring sum.
/// Cost   one multiplication.
[[nodiscard]] QAT_INLINE constexpr float product(float a, float b) noexcept {
  return opaque(a * b);
}

/// Fused multiply-add, rounded once on every machine.
///
///   fl32(a * b + c)
///
/// Valid     all floats; NaN and infinities as IEEE 754 defines for fusedMultiplyAdd.
/// Error     correctly rounded (to nearest even), subnormal results included.
/// Cost      one instruction where the translation unit has it (FMA, aarch64), else an emulation, about 25 times slower.
/// Backends  hardware, emulated: the same bits, NaN payloads aside. Always inlined, so that units compiled for different
///           instruction sets can be linked into one program.
[[nodiscard]] QAT_INLINE constexpr float fma(float a, float b, float c) noexcept {
#if defined(__FMA__) || defined(__aarch64__)
  if (!std::is_constant_evaluated()) return __builtin_fmaf(a, b, c);
#endif
  return detail::fma_emulated(a, b, c);
}

}  // namespace qat::core
