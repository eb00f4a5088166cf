#pragma once

#include <qat/quant/detail/group.hpp>

/// \file
/// The oracle: runs of contiguous elements of one group, one element after the other.

namespace qat::detail {

/// What a group's elements have shown so far, combined in any order.
struct running_statistics {
  std::uint32_t absmax = 0;  ///< pattern of max |x|; NaN and infinity are the largest
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();

  constexpr void join(const running_statistics& other) {
    absmax = other.absmax > absmax ? other.absmax : absmax;
    min = other.min < min ? other.min : min;
    max = other.max > max ? other.max : max;
  }

  [[nodiscard]] constexpr bool finite() const { return absmax < 0x7f800000u; }

  /// What the range policy sees: -0 is 0, an empty group is all zero.
  [[nodiscard]] constexpr group_statistics result() const {
    return {std::bit_cast<float>(absmax), min <= max ? min + 0.0f : 0.0f,
            min <= max ? max + 0.0f : 0.0f};
  }
};

template <quantizer_like Q>
struct scalar_runs {
  using code_type = typename Q::code_type;
  static constexpr range_statistic statistic = Q::range::statistic;

  static constexpr void measure(const float* x, std::size_t n, running_statistics& s) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffffu;
      running_statistics one;
      one.absmax = magnitude;
      if constexpr (statistic == range_statistic::min_max) {
        if (magnitude < 0x7f800000u) one.min = one.max = x[i];
      }
      s.join(one);
    }
  }

  template <bool Fresh, bool Streaming>
  static constexpr void fake_quantize(const float* x, float* y, std::size_t n,
                                      const group_operands& g, const random_key& key,
                                      std::uint64_t index) {
    for (std::size_t i = 0; i < n; ++i)
      y[i] = Q::scale_application::to_value(level_of<Q>(x[i], g, key, index + i), g.value);
  }

  template <bool Fresh, bool Streaming>
  static constexpr void fake_quantize_and_measure(const float* x, float* y, std::size_t n,
                                                  const group_operands& g, const random_key& key,
                                                  std::uint64_t index, const float* next,
                                                  running_statistics& s) {
    fake_quantize<Fresh, Streaming>(x, y, n, g, key, index);
    measure(next, n, s);
  }

  template <bool Fresh>
  static constexpr void quantize(const float* x, code_type* codes, std::size_t n,
                                 const group_operands& g, const random_key& key,
                                 std::uint64_t index) {
    for (std::size_t i = 0; i < n; ++i)
      codes[i] = static_cast<code_type>(
          static_cast<int>(level_of<Q>(x[i], g, key, index + i) + g.zero_point));
  }

  static constexpr void dequantize(const code_type* codes, float* y, std::size_t n,
                                   const group_operands& g) {
    for (std::size_t i = 0; i < n; ++i)
      y[i] = Q::scale_application::to_value(static_cast<float>(codes[i]) - g.zero_point, g.value);
  }

  /// Bit i of the result: the gradient reaches x[i]; n <= 64.
  static constexpr std::uint64_t gradient_mask(const float* x, std::size_t n,
                                               const group_operands& g) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < n; ++i)
      bits |= static_cast<std::uint64_t>(gradient_passes<Q>(x[i], g)) << i;
    return bits;
  }

  /// gradient[i] = 0 where bit i is clear; n <= 64.
  static constexpr void keep(float* gradient, std::size_t n, std::uint64_t bits) {
    for (std::size_t i = 0; i < n; ++i)
      if (((bits >> i) & 1u) == 0) gradient[i] = 0.0f;
  }
};

}  // namespace qat::detail
