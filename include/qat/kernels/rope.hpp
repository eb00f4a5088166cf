#pragma once

#include <qat/core/contracts.hpp>
#include <qat/kernels/arithmetic.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

/// \file
/// Rotary position embedding: the angles and the rotation of one row.

namespace qat {

/// How the two halves of a rotated pair lie in a head of D.
enum class rope_layout {
  half_split,   ///< (i, i + D / 2): Hugging Face
  interleaved,  ///< (2 i, 2 i + 1): llama2.c and the LLaMA-1 release
};

/// How positions beyond the trained context are mapped.
enum class rope_scaling { none, linear, llama3 };

/// Parameters of the rotation.
struct rope_config {
  float theta = 10000.0f;
  rope_layout layout = rope_layout::half_split;
  rope_scaling scaling = rope_scaling::none;
  float factor = 1.0f;                  ///< linear, llama3
  float low_frequency_factor = 1.0f;    ///< llama3
  float high_frequency_factor = 4.0f;   ///< llama3
  std::size_t original_context = 8192;  ///< llama3

  friend constexpr bool operator==(const rope_config&, const rope_config&) = default;
};

/// The frequency of pair i of a head.
///
///   f_i = theta^(-2 i / D);  linear: f / factor;  llama3, with wave = 2 pi / f and L the original context:
///   wave < L / high: f;  wave > L / low: f / factor;  else s f + (1 - s) f / factor, s = (L / wave - low) / (high - low)
///
/// Valid   0 <= i < D / 2.
/// Error   core::pow's, plus one rounding an operation as written; the middle sum is fma(s, f, (1 - s) f / factor).
/// Source  Su et al. 2021 (arXiv 2104.09864); Llama 3.1's published scaling rule.
template <class Arch = core::default_arch>
[[nodiscard]] float rope_frequency(const rope_config& c, std::size_t i, std::size_t head_size) {
  const float exponent = -static_cast<float>(2 * i) / static_cast<float>(head_size);
  const float f = core::pow(c.theta, exponent);
  if (c.scaling == rope_scaling::none) return f;
  const float scaled = f / c.factor;
  if (c.scaling == rope_scaling::linear) return scaled;
  constexpr float two_pi = 6.283185307179586f;
  const float wave = two_pi / f;
  const float length = static_cast<float>(c.original_context);
  if (wave < length / c.high_frequency_factor) return f;
  if (wave > length / c.low_frequency_factor) return scaled;
  const float smooth =
      (length / wave - c.low_frequency_factor) / (c.high_frequency_factor - c.low_frequency_factor);
  return core::fma(smooth, f, core::product(1.0f - smooth, scaled));
}

/// Cosines and sines of position * frequency for the positions 0 .. count - 1: two tables (count, D / 2).
template <class T>
class RopeTable {
 public:
  RopeTable() = default;

  /// Error   the angle is one rounded product in float, then core::sin and core::cos.
  /// Throws  ContractViolation for an odd head size.
  RopeTable(const rope_config& config, std::size_t head_size, std::size_t count)
      : layout_(config.layout), half_(head_size / 2), count_(count) {
    QAT_EXPECTS(head_size % 2 == 0, "a head size of " + std::to_string(head_size));
    cos_.resize(count * half_);
    sin_.resize(count * half_);
    for (std::size_t i = 0; i < half_; ++i) {
      const float frequency = rope_frequency(config, i, head_size);
      for (std::size_t p = 0; p < count; ++p) {
        const float angle = core::product(static_cast<float>(p), frequency);
        cos_[p * half_ + i] = static_cast<T>(core::cos(angle));
        sin_[p * half_ + i] = static_cast<T>(core::sin(angle));
      }
    }
  }

  /// From given tables: any other map of positions to angles.
  ///
  /// Shapes  cosines, sines (positions, D / 2).
  /// Throws  ContractViolation if they differ in size or are no whole rows.
  RopeTable(rope_layout layout, std::size_t head_size, std::vector<T> cosines, std::vector<T> sines)
      : layout_(layout), half_(head_size / 2), cos_(std::move(cosines)), sin_(std::move(sines)) {
    QAT_EXPECTS(
        half_ != 0 && head_size % 2 == 0 && cos_.size() == sin_.size() && cos_.size() % half_ == 0,
        std::to_string(cos_.size()) + " cosines, " + std::to_string(sin_.size()) +
            " sines, a head size of " + std::to_string(head_size));
    count_ = cos_.size() / half_;
  }

  [[nodiscard]] rope_layout layout() const { return layout_; }
  [[nodiscard]] std::size_t head_size() const { return 2 * half_; }
  [[nodiscard]] std::size_t positions() const { return count_; }
  [[nodiscard]] const T* cos(std::size_t position) const { return cos_.data() + position * half_; }
  [[nodiscard]] const T* sin(std::size_t position) const { return sin_.data() + position * half_; }

 private:
  rope_layout layout_ = rope_layout::half_split;
  std::size_t half_ = 0;
  std::size_t count_ = 0;
  std::vector<T> cos_;
  std::vector<T> sin_;
};

/// Rotates the heads of one row at a position.
///
///   y_a = fma(x_a, cos, -(x_b sin)),  y_b = fma(x_b, cos, x_a sin)   for each pair (a, b); both products rounded
///
/// Shapes  x, y (heads * D); may be the same.
/// Valid   position < table.positions() (not checked).
/// Error   two roundings an element.
template <class T, class Arch = core::default_arch>
void rotate_row(const RopeTable<T>& table, std::size_t position, std::size_t heads, const T* x,
                T* y) {
  using row = arithmetic::rows<T, Arch>;
  using V = typename row::lanes;
  const std::size_t half = table.head_size() / 2;
  const T* const cos = table.cos(position);
  const T* const sin = table.sin(position);
  const auto first = [](auto a, auto b, auto c, auto s) {
    return arithmetic::fma(a, c, decltype(a)(-arithmetic::product(b, s)));
  };
  const auto second = [](auto a, auto b, auto c, auto s) {
    return arithmetic::fma(b, c, arithmetic::product(a, s));
  };
  for (std::size_t h = 0; h < heads; ++h, x += 2 * half, y += 2 * half) {
    if (table.layout() == rope_layout::interleaved) {
      for (std::size_t i = 0; i < half; ++i) {
        const T a = x[2 * i], b = x[2 * i + 1];
        y[2 * i] = first(a, b, cos[i], sin[i]);
        y[2 * i + 1] = second(a, b, cos[i], sin[i]);
      }
      continue;
    }
    // Both halves of a pair are read before either is written.
    constexpr std::size_t chunk = 64;
    T rotated[chunk];
    for (std::size_t i = 0; i < half; i += chunk) {
      const std::size_t n = std::min(chunk, half - i);
      row::map(
          n, rotated, [&](V a, V b, V c, V s) { return V(first(a, b, c, s)); }, x + i, x + half + i,
          cos + i, sin + i);
      row::map(
          n, y + half + i, [&](V a, V b, V c, V s) { return V(second(a, b, c, s)); }, x + i,
          x + half + i, cos + i, sin + i);
      std::copy_n(rotated, n, y + i);
    }
  }
}

/// Adds the rotation's transpose: dx_a += dy_a cos + dy_b sin,  dx_b += dy_b cos - dy_a sin.
///
/// Shapes  dy, dx (heads * D), not overlapping.
template <class T>
void add_rotated_back(const RopeTable<T>& table, std::size_t position, std::size_t heads,
                      const T* dy, T* dx) {
  const std::size_t half = table.head_size() / 2;
  const bool interleaved = table.layout() == rope_layout::interleaved;
  const T* const cos = table.cos(position);
  const T* const sin = table.sin(position);
  for (std::size_t h = 0; h < heads; ++h, dy += 2 * half, dx += 2 * half)
    for (std::size_t i = 0; i < half; ++i) {
      const std::size_t a = interleaved ? 2 * i : i;
      const std::size_t b = interleaved ? 2 * i + 1 : i + half;
      dx[a] = arithmetic::fma(dy[b], sin[i], arithmetic::fma(dy[a], cos[i], dx[a]));
      dx[b] = arithmetic::fma(-dy[a], sin[i], arithmetic::fma(dy[b], cos[i], dx[b]));
    }
}

}  // namespace qat
