#pragma once

#include <qat/core/float_arithmetic.hpp>
#include <qat/core/philox.hpp>
#include <qat/quant/quantizer.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

/// \file
/// The arithmetic of one group and of one element: the definition that every backend repeats.

namespace qat {

/// Keys the random numbers of round_stochastic: element i of a matrix, in row-major order, uses
/// core::random_bits(seed, stream, i) whatever its strides, blocks or threads.
struct random_key {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};

namespace detail {

/// A scale and a zero point, the zero point as the float that it exactly is.
struct group_parameters {
  float scale = 1.0f;
  float zero_point = 0.0f;
};

/// What an element needs of its group, computed once a group.
struct group_operands {
  float units;       ///< ScaleApplication::units_operand(scale)
  float value;       ///< ScaleApplication::value_operand(scale)
  float lo;          ///< qmin - zero_point
  float hi;          ///< qmax - zero_point
  float zero_point;  ///< as a float
};

inline constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

[[nodiscard]] constexpr bool is_nan(float x) {
  return (std::bit_cast<std::uint32_t>(x) & 0x7fffffffu) > 0x7f800000u;
}
[[nodiscard]] constexpr bool is_finite(float x) {
  return (std::bit_cast<std::uint32_t>(x) & 0x7fffffffu) < 0x7f800000u;
}

/// A fresh scale never leads out of the codes, so no clamp is needed.
///
/// With scale = fl(m / qmax) >= 2^-126 and |x| <= m, the units are at most qmax (1 + 2^-21) in magnitude: the division,
/// the reciprocal (which may be subnormal, relative error 2^-22) and the product each add an error of at most that
/// size. qmax <= 127, so the excess is below 127 * 2^-20 < 1/2, and rounding to nearest or toward zero gives at most
/// qmax.
template <quantizer_like Q>
inline constexpr bool fresh_scale_needs_no_clamp =
    !Q::has_zero_point && Q::qmin <= -Q::qmax &&
    (std::is_same_v<typename Q::range, absmax> ||
     std::is_same_v<typename Q::range, min_max>)&&std::is_same_v<typename Q::scale_format,
                                                                 fp32_scale> &&
    reach_of<typename Q::rounding> != rounding_reach::one;

/// A group whose scale fell back to 1 has units below 2^-118; a rounding that could move them off zero must not see
/// them, for the codes of such a group are zero by definition.
template <class Rounding>
inline constexpr bool must_flatten_tiny =
    reach_of<Rounding> == rounding_reach::one && !std::is_same_v<Rounding, round_stochastic>;
inline constexpr float tiny_units = 0x1p-118f;

/// The scale of a group before its format rounds it: range.symmetric_scale(statistics) or (hi - lo) / (qmax - qmin).
template <quantizer_like Q>
[[nodiscard]] constexpr float unrounded_scale(const group_statistics& s) {
  if constexpr (!Q::has_zero_point) {
    return Q::range::symmetric_scale(s, Q::qmin, Q::qmax);
  } else {
    const range_interval interval = Q::range::affine_interval(s);
    // Opaque: an end may be the product of whoever made x, and must not be fused into the difference.
    const float span = core::opaque(interval.hi) - core::opaque(interval.lo);
    return span / static_cast<float>(Q::qmax - Q::qmin);
  }
}

/// The parameters of a group from its statistics.
///
///   scale = nearest(unrounded_scale);  affine: zero_point = clamp(qmin - round_nearest_even(lo / scale))
///
/// A group that is not finite gets scale NaN and zero point 0; a scale below 2^-126 before it is rounded gives 1 and 0.
template <quantizer_like Q>
[[nodiscard]] constexpr group_parameters parameters_of(const group_statistics& s, bool finite) {
  if (!finite) return {not_a_number, 0.0f};
  if constexpr (std::is_same_v<typename Q::scale_application, llmqat_reference>) {
    return {llmqat_reference::multiplier(s.absmax, Q::qmax), 0.0f};
  } else if constexpr (!Q::has_zero_point) {
    const float scale = unrounded_scale<Q>(s);
    const float magnitude = scale < 0.0f ? -scale : scale;
    if (magnitude < 0x1p-126f) return {1.0f, 0.0f};
    return {Q::scale_format::nearest(scale), 0.0f};
  } else {
    const float exact = unrounded_scale<Q>(s);
    if (exact < 0x1p-126f) return {1.0f, 0.0f};
    const float scale = Q::scale_format::nearest(exact);
    if (is_nan(scale)) return {scale, 0.0f};
    const float lowest = static_cast<float>(Q::qmin);
    const float highest = static_cast<float>(Q::qmax);
    // lo / scale lies in [-(qmax - qmin) * (1 + 2^-7), 0] for every format, within reach of round_nearest_even.
    const float zero_point =
        lowest - round_nearest_even::apply(Q::range::affine_interval(s).lo / scale);
    return {scale, zero_point < lowest ? lowest : zero_point > highest ? highest : zero_point};
  }
}

template <quantizer_like Q>
[[nodiscard]] constexpr group_operands operands_of(const group_parameters& p) {
  using Application = typename Q::scale_application;
  // Opaque: the scale may be a product (llmqat_reference's is), and an application may add to it.
  const float scale = core::opaque(p.scale);
  return {Application::units_operand(scale), Application::value_operand(scale),
          static_cast<float>(Q::qmin) - p.zero_point, static_cast<float>(Q::qmax) - p.zero_point,
          p.zero_point};
}

/// x in units of the scale, NaN as 0; opaque, so that a rounding cannot contract the product into its sums.
template <quantizer_like Q>
[[nodiscard]] constexpr float units_of(float x, const group_operands& g) {
  const float units = core::opaque(Q::scale_application::to_units(x, g.units));
  return is_nan(units) ? 0.0f : units;
}

/// The level of x, code - zero_point, as the float that it exactly is; never -0.
template <quantizer_like Q>
[[nodiscard]] constexpr float level_of(float x, const group_operands& g, const random_key& key,
                                       std::uint64_t index) {
  using Rounding = typename Q::rounding;
  float units = units_of<Q>(x, g);
  units = units < g.lo ? g.lo : units > g.hi ? g.hi : units;
  if constexpr (must_flatten_tiny<Rounding>)
    units = (units < 0.0f ? -units : units) < tiny_units ? 0.0f : units;
  if constexpr (deterministic_rounding<Rounding>)
    return Rounding::apply(units) + 0.0f;
  else
    return Rounding::apply(units, core::random_bits(key.seed, key.stream, index)) + 0.0f;
}

/// Whether the gradient reaches x.
template <quantizer_like Q>
[[nodiscard]] constexpr bool gradient_passes(float x, const group_operands& g) {
  return Q::gradient::passes(x, core::opaque(Q::scale_application::to_units(x, g.units)), g.lo,
                             g.hi);
}

}  // namespace detail
}  // namespace qat
