#pragma once

#include <qat/core/philox.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <vector>

/// \file
/// Floats as tests compare and draw them.

namespace qat::testing {

/// A list of sizes to loop over.
using sizes = std::initializer_list<std::size_t>;

inline constexpr float infinity = std::numeric_limits<float>::infinity();
inline constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
inline constexpr float largest = std::numeric_limits<float>::max();
inline constexpr float denorm = std::numeric_limits<float>::denorm_min();
inline constexpr float smallest_normal = std::numeric_limits<float>::min();

[[nodiscard]] inline std::uint32_t pattern(float x) {
  return std::bit_cast<std::uint32_t>(x);
}

[[nodiscard]] inline bool is_nan(float x) {
  return (pattern(x) & 0x7fffffffu) > 0x7f800000u;
}

/// The same bits; any NaN equals any NaN.
[[nodiscard]] inline bool same(float a, float b) {
  return pattern(a) == pattern(b) || (is_nan(a) && is_nan(b));
}

[[nodiscard]] inline bool is_negative_zero(float x) {
  return pattern(x) == 0x80000000u;
}

/// Element `index` of a stream of uniform numbers in (-1, 1), multiples of 2^-23.
[[nodiscard]] inline float uniform(std::uint64_t seed, std::uint64_t index) {
  const auto word = static_cast<std::int32_t>(core::random_bits(seed, 0x7e57, index)) >> 8;
  return (static_cast<float>(word) + 0.5f) * 0x1p-23f;
}

/// n numbers in (-magnitude, magnitude).
[[nodiscard]] inline std::vector<float> uniform_floats(std::uint64_t seed, std::size_t n,
                                                       float magnitude = 1.0f) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = uniform(seed, i) * magnitude;
  return x;
}

/// Every float that is finite, about evenly over the patterns: all exponents, both signs.
[[nodiscard]] inline float any_finite(std::uint64_t seed, std::uint64_t index) {
  std::uint32_t bits = core::random_bits(seed, 0xf1, index);
  if ((bits & 0x7f800000u) == 0x7f800000u) bits ^= 0x40000000u;
  return std::bit_cast<float>(bits);
}

}  // namespace qat::testing
