#pragma once

#include <qat/core/half.hpp>
#include <qat/policy/concepts.hpp>

#include <bit>
#include <limits>

/// \file
/// The format in which a scale ships. A scale is rounded to it before it is used, so training sees the shipped value.
///
/// nearest(s): s finite and not zero. A result of zero or below the smallest normal of the format becomes that normal
/// with the sign of s; a result beyond the largest finite value becomes NaN, which makes the group non-finite.

namespace qat {

namespace detail {

QAT_HOST_DEVICE [[nodiscard]] constexpr float at_least_normal(float rounded, float source,
                                                              float smallest_normal,
                                                              float largest) noexcept {
  const float magnitude = rounded < 0.0f ? -rounded : rounded;
  if (!(magnitude <= largest)) return std::numeric_limits<float>::quiet_NaN();
  if (magnitude >= smallest_normal) return rounded;
  return source < 0.0f ? -smallest_normal : smallest_normal;
}

}  // namespace detail

/// 32-bit IEEE float. Default.
struct fp32_scale : policy_of<policy_kind::scale_format> {
  static constexpr int stored_bits = 32;
  static constexpr bool has_sign = true;
  QAT_HOST_DEVICE static constexpr float nearest(float scale) noexcept {
    return detail::at_least_normal(scale, scale, 0x1p-126f, std::numeric_limits<float>::max());
  }
};

/// 16-bit IEEE float, ties to even.
struct fp16_scale : policy_of<policy_kind::scale_format> {
  static constexpr int stored_bits = 16;
  static constexpr bool has_sign = true;
  QAT_HOST_DEVICE static constexpr float nearest(float scale) noexcept {
    const float rounded = core::float_from_fp16(core::fp16_from_float(scale));
    return detail::at_least_normal(rounded, scale, 0x1p-14f, 65504.0f);
  }
};

/// bfloat16, ties to even.
struct bf16_scale : policy_of<policy_kind::scale_format> {
  static constexpr int stored_bits = 16;
  static constexpr bool has_sign = true;
  QAT_HOST_DEVICE static constexpr float nearest(float scale) noexcept {
    const float rounded = core::float_from_bf16(core::bf16_from_float(scale));
    return detail::at_least_normal(rounded, scale, 0x1p-126f, 0x1.fep127f);
  }
};

/// The power of two that is not below the scale, 2^-126 to 2^127, stored as an exponent byte.
struct power_of_two_scale : policy_of<policy_kind::scale_format> {
  static constexpr int stored_bits = 8;
  static constexpr bool has_sign = false;
  QAT_HOST_DEVICE static constexpr float nearest(float scale) noexcept {
    const std::uint32_t pattern = std::bit_cast<std::uint32_t>(scale);
    const std::uint32_t exponent = (pattern + 0x7fffffu) & 0x7f800000u;  // up, unless exact
    return detail::at_least_normal(std::bit_cast<float>(exponent), scale, 0x1p-126f, 0x1p127f);
  }
};

}  // namespace qat
