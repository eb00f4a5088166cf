#pragma once

#include <qat/config.hpp>
#include <qat/core/batch.hpp>
#include <qat/core/float_arithmetic.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

/// \file
/// Angles modulo pi/2 for sin and cos. Include qat/core/elementary.hpp instead.

namespace qat::core::detail {

/// x = quadrant * pi/2 + (high + low) modulo 2 pi, with |high| <= 1.03 pi/4; of the quadrant the last two bits count.
template <class V>
struct reduced_angle {
  V high;
  V low;
  integer_lanes<V> quadrant;
};

/// Up to here the reduction in floats is good to 2^-54: n * (pi/2 in 72 bits) with n < 2^20.
inline constexpr float largest_angle_reduced_in_floats = 0x1p20f;

/// Any finite angle beyond 2^20, by integers: the fraction of |x| * 2/pi from the 96 bits of 2/pi that matter for it.
///
///   |x| = m * 2^e;  bits of 2/pi above 2^(2-e) contribute multiples of 4 quadrants and are skipped
///
/// Error   absolute 2^-60; no float comes closer to a multiple of pi/2 than 2^-30.
/// Source  Payne and Hanek 1983, Radian reduction for trigonometric functions.
template <class Arch>
[[nodiscard]] reduced_angle<float> reduce_angle_by_integers(float x) noexcept {
  const std::uint32_t magnitude = static_cast<std::uint32_t>(core::magnitude_bits(x));
  if (magnitude >= 0x7f800000u) return {std::numeric_limits<float>::quiet_NaN(), 0.0f, 0};

  // 2/pi = 0.A2F9836E4E441529FC27...; the window of 96 bits starts after e - 2 of them, and e is -3 to 104.
  constexpr std::uint32_t two_over_pi[] = {0u,          0xa2f9836eu, 0x4e441529u, 0xfc2757d1u,
                                           0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu};
  const std::uint32_t e_plus_30 =
      (magnitude >> 23) - 120u;  // the first word above holds 32 zeros before the point
  const std::uint32_t word = e_plus_30 / 32u;
  const std::uint32_t shift = e_plus_30 % 32u;
  const auto window = [&](std::uint32_t i) {
    const std::uint64_t pair =
        (std::uint64_t{two_over_pi[word + i]} << 32) | two_over_pi[word + i + 1u];
    return (pair << shift) >> 32;
  };
  const std::uint64_t m = (magnitude & 0x7fffffu) | 0x800000u;
  // |x| * 2/pi modulo 4, in units of 2^-62 quadrants.
  const std::uint64_t turns = ((m * window(0)) << 32) + m * window(1) + ((m * window(2)) >> 32);

  const std::uint64_t quadrant = (turns + (std::uint64_t{1} << 61)) >> 62;
  const std::int64_t rest = static_cast<std::int64_t>(turns - (quadrant << 62));  // -2^61 .. 2^61
  const float q = static_cast<float>(rest);
  const float q_low = static_cast<float>(rest - static_cast<std::int64_t>(q));
  const float half_pi = 0x1.921fb6p+0f * 0x1p-62f, half_pi_low = -0x1.777a5cp-25f * 0x1p-62f;
  const float high = core::product(q, half_pi);
  const float low =
      core::fma(q, half_pi_low, core::fma(q_low, half_pi, core::fma(q, half_pi, -high)));
  const std::int32_t n = static_cast<std::int32_t>(quadrant);
  if (x < 0.0f) return {-high, -low, -n};
  return {high, low, n};
}

/// An angle in floats: x - n pi/2 with pi/2 as the sum of three floats, n = round(x 2/pi).
///
/// Valid  |x| <= 2^20; elsewhere the result means nothing.
/// Error  2^-54 absolute: x - n P1 is exact (a multiple of the last place of P1 below 2), n P2 is split into two floats, and
///        n P3 is below 2^-30.
template <class V>
[[nodiscard]] QAT_INLINE reduced_angle<V> reduce_angle_in_floats(V x) noexcept {
  using I = integer_lanes<V>;
  const V magic(0x1.8p23f);
  const V shifted = core::fma(x, V(0x1.45f306p-1f), magic);  // 2/pi
  const V n = shifted - magic;
  const V r = core::fma(n, V(-0x1.921fb6p+0f), x);
  const V p2(0x1.777a5cp-25f);  // pi/2 = P1 - p2 - p3
  const V h = core::product(n, p2);
  const V h_low = core::fma(n, p2, core::negate(h));
  const V sum = r + h;  // TwoSum: either may be the larger
  const V h_seen = sum - r;
  const V error = (r - (sum - h_seen)) + (h - h_seen);
  const V low = core::fma(n, V(0x1.ee59dap-50f), V(error + h_low));
  const V high = sum + low;
  return {high, V((sum - high) + low), I(core::bits_of(shifted) - I(0x4b400000))};
}

/// An angle of any size; NaN for infinities and NaN.
template <class V, class Arch>
[[nodiscard]] QAT_INLINE reduced_angle<V> reduce_angle(V x) noexcept {
  if constexpr (std::is_same_v<V, float>) {
    if (core::absolute(x) <= largest_angle_reduced_in_floats) return reduce_angle_in_floats(x);
    return reduce_angle_by_integers<Arch>(x);
  } else {
    using I = integer_lanes<V>;
    reduced_angle<V> angle = reduce_angle_in_floats(x);
    const I bound(core::bits_of(largest_angle_reduced_in_floats));
    if (core::any(core::magnitude_bits(x) > bound)) {
      constexpr std::size_t lanes = lane_count<Arch>;
      float source[lanes], high[lanes], low[lanes];
      std::int32_t quadrant[lanes];
      x.store_unaligned(source);
      angle.high.store_unaligned(high);
      angle.low.store_unaligned(low);
      angle.quadrant.store_unaligned(quadrant);
      for (std::size_t i = 0; i < lanes; ++i) {
        if (core::absolute(source[i]) <= largest_angle_reduced_in_floats) continue;
        const reduced_angle<float> one = reduce_angle_by_integers<Arch>(source[i]);
        high[i] = one.high;
        low[i] = one.low;
        quadrant[i] = one.quadrant;
      }
      angle = {V::load_unaligned(high), V::load_unaligned(low), I::load_unaligned(quadrant)};
    }
    return angle;
  }
}

}  // namespace qat::core::detail
