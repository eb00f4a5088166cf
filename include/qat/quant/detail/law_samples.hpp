#pragma once

#include <qat/core/philox.hpp>
#include <qat/policy/concepts.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

/// \file
/// The samples on which laws are checked, and their texts.

namespace qat::detail {

/// The shortest decimal that reads back as x.
[[nodiscard]] inline std::string text_of(float x) {
  char digits[32];
  const std::to_chars_result end = std::to_chars(digits, digits + sizeof(digits), x);
  return std::string(digits, end.ptr);
}
[[nodiscard]] inline std::string text_of(const group_statistics& s) {
  return "absmax " + text_of(s.absmax) + ", min " + text_of(s.min) + ", max " + text_of(s.max);
}
[[nodiscard]] inline std::string text_of(const range_interval& i) {
  return "[" + text_of(i.lo) + ", " + text_of(i.hi) + "]";
}

/// Uniform in (-1, 1).
[[nodiscard]] inline float law_sample(std::uint64_t index) {
  const auto word = static_cast<std::int32_t>(core::random_bits(0x1a35, 0, index)) >> 8;
  return (static_cast<float>(word) + 0.5f) * 0x1p-23f;
}

/// The floats next to x, x not zero and finite.
[[nodiscard]] inline float next_outward(float x) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) + 1u);
}
[[nodiscard]] inline float next_inward(float x) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) - 1u);
}

/// Quarter steps with their neighbours, random numbers of many sizes, and the ends of the valid range.
[[nodiscard]] inline std::vector<float> sorted_rounding_samples() {
  std::vector<float> x{0.0f, 0x1p-149f, -0x1p-149f, 0x1p-126f, -0x1p-126f, 0x1p22f, -0x1p22f};
  for (int i = -600; i <= 600; ++i) {
    if (i == 0) continue;
    const float step = static_cast<float>(i) * 0.25f;
    x.insert(x.end(), {step, next_outward(step), next_inward(step)});
  }
  for (std::uint64_t i = 0; i < 2000; ++i) {
    x.push_back(law_sample(i) * 300.0f);
    x.push_back(law_sample(i) * 0x1p22f);
  }
  std::sort(x.begin(), x.end());
  return x;
}

/// A row that no register width divides.
[[nodiscard]] inline std::vector<float> backend_samples() {
  std::vector<float> x;
  for (std::uint64_t i = 0; i < 500; ++i) x.push_back(law_sample(i) * 40.0f);
  for (int i = -100; i <= 100; ++i) x.push_back(static_cast<float>(i) * 0.125f);
  return x;
}

/// Groups that min, max and absmax describe consistently.
[[nodiscard]] inline std::vector<group_statistics> statistics_samples() {
  std::vector<group_statistics> samples{
      {}, {1.0f, -1.0f, 1.0f}, {2.0f, 0.5f, 2.0f}, {2.0f, -2.0f, -0.5f}};
  for (std::uint64_t i = 0; i < 200; ++i) {
    const float size = i % 3 == 0 ? 0x1p-60f : i % 3 == 1 ? 1.0f : 0x1p60f;
    const float a = law_sample(2 * i) * size, b = law_sample(2 * i + 1) * size;
    const float low = a < b ? a : b, high = a < b ? b : a;
    samples.push_back({high > -low ? high : -low, low, high});
  }
  return samples;
}

[[nodiscard]] inline group_statistics times(const group_statistics& s, float factor) {
  return {s.absmax * factor, s.min * factor, s.max * factor};
}

/// Whether the compiler can evaluate R::apply.
template <class R>
concept has_constant_rounding = requires {
  typename std::bool_constant<(R::apply(0.5f) >= -1.0f)>;
};

inline constexpr std::size_t constant_sample_count = 256;

/// Multiples of 0.3, which are no multiples in binary.
inline constexpr std::array<float, constant_sample_count> constant_samples = [] {
  std::array<float, constant_sample_count> x{};
  for (std::size_t i = 0; i < constant_sample_count; ++i)
    x[i] = (static_cast<float>(i) - 127.5f) * 0.3f;
  return x;
}();

/// R of the constant samples, by the compiler.
template <class R>
inline constexpr std::array<float, constant_sample_count> constant_roundings = [] {
  std::array<float, constant_sample_count> y{};
  for (std::size_t i = 0; i < constant_sample_count; ++i) y[i] = R::apply(constant_samples[i]);
  return y;
}();

}  // namespace qat::detail
