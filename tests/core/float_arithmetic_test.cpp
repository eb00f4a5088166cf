#include <qat/core/float_arithmetic.hpp>
#include <qat/core/philox.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <tests/support/floats.hpp>

using qat::testing::denorm;
using qat::testing::infinity;
using qat::testing::largest;
using qat::testing::not_a_number;
using qat::testing::pattern;
using qat::testing::same;

namespace {

using qat::core::random_bits;

/// Counts the triples on which the emulation, the hardware path and std::fma disagree; reports the first.
struct disagreements {
  std::size_t count = 0;

  void check(float a, float b, float c) {
    const float expected = std::fma(a, b, c);
    if (same(qat::core::detail::fma_emulated(a, b, c), expected) &&
        same(qat::core::fma(a, b, c), expected))
      return;
    if (count++ == 0) {
      CAPTURE(a);
      CAPTURE(b);
      CAPTURE(c);
      CHECK(qat::core::detail::fma_emulated(a, b, c) == expected);
      CHECK(qat::core::fma(a, b, c) == expected);
    }
  }
};

/// A float with the given 23 random mantissa bits, sign and exponent.
float compose(std::uint32_t random, int exponent) {
  return std::bit_cast<float>((random & 0x807fffffu) |
                              (static_cast<std::uint32_t>(exponent + 127) << 23));
}

}  // namespace

TEST_CASE("fma: any bit patterns give the bits of std::fma") {
  disagreements wrong;
  for (std::uint64_t i = 0; i < 1000000; ++i)
    wrong.check(std::bit_cast<float>(random_bits(1, 0, i)),
                std::bit_cast<float>(random_bits(1, 1, i)),
                std::bit_cast<float>(random_bits(1, 2, i)));
  CHECK(wrong.count == 0);
}

TEST_CASE("fma: sums of operands with near exponents give the bits of std::fma") {
  disagreements wrong;
  for (std::uint64_t i = 0; i < 300000; ++i) {
    const std::uint32_t r = random_bits(2, 0, i);
    const int ea = static_cast<int>(r % 100) - 50;
    const int eb = static_cast<int>((r >> 8) % 100) - 50;
    const int gap =
        static_cast<int>((r >> 16) % 60) - 30;  // |c| from far below the product to far above
    const float a = compose(random_bits(2, 1, i), ea);
    const float b = compose(random_bits(2, 2, i), eb);
    const int ec = ea + eb + gap;
    wrong.check(a, b, compose(random_bits(2, 3, i), ec < -126 ? -126 : ec > 127 ? 127 : ec));
  }
  CHECK(wrong.count == 0);
}

TEST_CASE("fma: cancellation leaves the exact rest of the product") {
  disagreements wrong;
  for (std::uint64_t i = 0; i < 300000; ++i) {
    const float a = compose(random_bits(3, 0, i), static_cast<int>(random_bits(3, 3, i) % 40) - 20);
    const float b = compose(random_bits(3, 1, i), static_cast<int>(random_bits(3, 4, i) % 40) - 20);
    const std::uint32_t steps = random_bits(3, 2, i) % 5;  // -2 .. 2 ulp beside the rounded product
    wrong.check(a, b, -std::bit_cast<float>(pattern(qat::core::product(a, b)) + steps - 2u));
  }
  CHECK(wrong.count == 0);
  const float e =
      1.0f + 0x1p-12f;  // e * e = 1 + 2^-11 + 2^-24: the last term is what rounding drops
  CHECK(qat::core::fma(e, e, -qat::core::product(e, e)) == 0x1p-24f);
}

TEST_CASE("fma: subnormal results are rounded once") {
  disagreements wrong;
  for (std::uint64_t i = 0; i < 300000; ++i) {
    const std::uint32_t r = random_bits(4, 0, i);
    const int ea = -static_cast<int>(r % 126);
    const int eb =
        -149 - ea + static_cast<int>((r >> 8) % 26);  // the product lies in 2^-149 .. 2^-123
    const float a = compose(random_bits(4, 1, i), ea);
    const float b = compose(random_bits(4, 2, i), eb < -126 ? -126 : eb);
    wrong.check(a, b, std::bit_cast<float>(random_bits(4, 3, i) & 0x80ffffffu));
    wrong.check(a, b, 0.0f);
  }
  CHECK(wrong.count == 0);
}

TEST_CASE("fma: ties and their neighbours go the way of the exact sum") {
  const float above = 1.0f + 0x1p-23f;
  CHECK(qat::core::detail::fma_emulated(0x1p-12f, 0x1p-12f, 1.0f) ==
        1.0f);  // 1 + 2^-24: tie to even
  CHECK(qat::core::detail::fma_emulated(0x1p-12f, 0x1p-12f, above) ==
        1.0f + 0x1p-22f);  // tie to even, up
  // Beside a tie by 2^-70, which double drops: a double sum rounded again would see the tie.
  // (2^23 - 2^12 + 1)(2^23 + 2^12 + 1) = 2^46 + 1, and (1 + 2^-23)(1 - 2^-23) = 1 - 2^-46.
  const float c1 = 0x1p23f - 0x1p12f + 1.0f, c2 = 0x1p23f + 0x1p12f + 1.0f;
  CHECK(qat::core::detail::fma_emulated(c1 * 0x1p-35f, c2 * 0x1p-35f, 1.0f) == above);
  CHECK(qat::core::detail::fma_emulated(-c1 * 0x1p-35f, c2 * 0x1p-35f, -1.0f) == -above);
  CHECK(qat::core::detail::fma_emulated(above, (1.0f - 0x1p-23f) * 0x1p-24f, above) == above);
  CHECK(qat::core::detail::fma_emulated(c1 * 0x1p-98f, c2 * 0x1p-98f, 0x1p-126f) ==
        0x1p-126f + denorm);
  disagreements wrong;
  for (int p = 1; p <= 148; ++p)
    for (float tail : {1.0f, 1.0f + 0x1p-23f, 1.0f - 0x1p-24f, -1.0f, -1.0f - 0x1p-23f})
      for (float base : {1.0f, above, 1.5f, 2.0f - 0x1p-23f, -1.0f, 0x1p-126f, denorm})
        wrong.check(std::ldexp(1.0f, -(p / 2)), std::ldexp(tail, -(p - p / 2)), base);
  CHECK(wrong.count == 0);
}

TEST_CASE("fma: products on a tie follow an addend far below them") {
  disagreements wrong;
  for (std::uint64_t i = 0; i < 300000; ++i) {
    // 13-bit factors: every other product needs 25 bits and lies on a tie of two floats.
    const float a = compose(random_bits(5, 0, i) & 0xfffff800u, static_cast<int>(i % 20) - 10);
    const float b = compose(random_bits(5, 1, i) & 0xfffff800u, static_cast<int>(i % 7) - 3);
    const std::uint32_t r = random_bits(5, 2, i);
    wrong.check(a, b, compose(r, -20 - static_cast<int>(r % 100)));
  }
  CHECK(wrong.count == 0);
}

TEST_CASE("fma: special operands follow IEEE 754") {
  const float specials[] = {0.0f,       -0.0f,    denorm,    -denorm,   0x1p-126f,
                            -0x1p-126f, 0x1p-75f, -0x1p-75f, 1.0f,      -1.0f,
                            largest,    -largest, infinity,  -infinity, not_a_number,
                            0x1p64f,    -0x1p64f, 0x1p127f,  1.5f,      3.0f};
  disagreements wrong;
  for (float a : specials)
    for (float b : specials)
      for (float c : specials) wrong.check(a, b, c);
  CHECK(wrong.count == 0);
  CHECK(pattern(qat::core::fma(0.0f, -1.0f, 0.0f)) == pattern(0.0f));
  CHECK(pattern(qat::core::fma(0.0f, -1.0f, -0.0f)) == pattern(-0.0f));
  CHECK(pattern(qat::core::detail::fma_emulated(0.0f, -1.0f, -0.0f)) == pattern(-0.0f));
  CHECK(qat::core::detail::fma_emulated(largest, 2.0f, -largest) ==
        largest);  // the product alone overflows
  CHECK(qat::core::detail::fma_emulated(largest, 2.0f, largest) == infinity);
}

TEST_CASE("fma: is a constant expression") {
  static_assert(qat::core::fma(3.0f, 4.0f, 5.0f) == 17.0f);
  static_assert(qat::core::fma(1.0f + 0x1p-12f, 1.0f + 0x1p-12f, -(1.0f + 0x1p-11f)) == 0x1p-24f);
  static_assert(qat::core::fma(denorm, 0.5f, denorm) == 2.0f * denorm);  // 1.5 units: tie to even
  static_assert(qat::core::product(3.0f, 4.0f) == 12.0f);
  static_assert(qat::core::opaque(3.0f) == 3.0f);
}

TEST_CASE("product: is not fused into a neighbouring sum") {
  volatile float source = 1.0f + 0x1p-12f;
  const float e = source;
  const float rounded = 1.0f + 0x1p-11f;  // fl(e * e)
  CHECK(qat::core::product(e, e) - rounded == 0.0f);
  CHECK(rounded - qat::core::product(e, e) == 0.0f);
  float sum = -rounded;
  sum += qat::core::product(e, e);
  CHECK(sum == 0.0f);
  const float hidden = qat::core::opaque(e * e);
  CHECK(hidden - rounded == 0.0f);
}

TEST_CASE("opaque: keeps every bit") {
  for (std::uint32_t word :
       {0u, 0x80000000u, 1u, 0x7f800000u, 0x7fc00123u, 0xffffffffu, 0x3f800001u})
    CHECK(pattern(qat::core::opaque(std::bit_cast<float>(word))) == word);
}
