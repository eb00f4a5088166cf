#include <qat/core/half.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace {

/// The value of a binary16 pattern by its definition, in double.
double value_of_fp16(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const int mantissa = bits & 0x3ff;
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24)
                           : exponent == 31
                               ? (mantissa == 0 ? std::numeric_limits<double>::infinity()
                                                : std::numeric_limits<double>::quiet_NaN())
                               : std::ldexp(1024 + mantissa, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

}  // namespace

TEST_CASE("half: every binary16 pattern widens to its value and narrows back") {
  for (std::uint32_t pattern = 0; pattern < 0x10000u; ++pattern) {
    const auto bits = static_cast<std::uint16_t>(pattern);
    const float widened = qat::core::float_from_fp16(bits);
    const double expected = value_of_fp16(bits);
    if (std::isnan(expected)) {
      REQUIRE(std::isnan(widened));
      REQUIRE(std::isnan(qat::core::float_from_fp16(qat::core::fp16_from_float(widened))));
    } else {
      REQUIRE(static_cast<double>(widened) == expected);
      REQUIRE(std::signbit(widened) == std::signbit(expected));
      REQUIRE(qat::core::fp16_from_float(widened) == bits);
    }
  }
}

TEST_CASE(
    "half: a float between two binary16 neighbours goes to the nearer and a tie to the even one") {
  for (std::uint32_t pattern = 0; pattern < 0x7bffu; ++pattern) {
    const auto below = static_cast<std::uint16_t>(pattern);
    const auto above = static_cast<std::uint16_t>(pattern + 1);
    const float low = qat::core::float_from_fp16(below);
    const float high = qat::core::float_from_fp16(above);
    const float middle = low + (high - low) / 2.0f;  // exact: fp32 has 13 more bits
    const auto even = (pattern & 1u) == 0 ? below : above;
    REQUIRE(qat::core::fp16_from_float(middle) == even);
    REQUIRE(qat::core::fp16_from_float(std::nextafter(middle, 0.0f)) == below);
    REQUIRE(qat::core::fp16_from_float(std::nextafter(middle, 1e9f)) == above);
    REQUIRE(qat::core::fp16_from_float(-middle) == (even | 0x8000u));
  }
}

TEST_CASE("half: binary16 overflows at the tie above its largest value") {
  CHECK(qat::core::fp16_from_float(std::nextafter(65520.0f, 0.0f)) == 0x7bff);
  CHECK(qat::core::fp16_from_float(65520.0f) == 0x7c00);
  CHECK(qat::core::fp16_from_float(-std::numeric_limits<float>::infinity()) == 0xfc00);
}

TEST_CASE("half: every bfloat16 pattern narrows back and ties go to the even neighbour") {
  for (std::uint32_t pattern = 0; pattern < 0x7f80u; ++pattern) {
    const auto below = static_cast<std::uint16_t>(pattern);
    const float low = qat::core::float_from_bf16(below);
    REQUIRE(qat::core::bf16_from_float(low) == below);
    const float middle = std::bit_cast<float>((pattern << 16) | 0x8000u);
    const std::uint32_t even = (pattern & 1u) == 0 ? pattern : pattern + 1;
    REQUIRE(qat::core::bf16_from_float(middle) == even);
    REQUIRE(qat::core::bf16_from_float(std::bit_cast<float>((pattern << 16) | 0x8001u)) ==
            pattern + 1);
  }
  CHECK(std::isnan(qat::core::float_from_bf16(
      qat::core::bf16_from_float(std::numeric_limits<float>::quiet_NaN()))));
}
