#pragma once

#include <qat/policy/concepts.hpp>

/// \file
/// How a number in units of the scale becomes an integer. Rounding is arithmetic, never a mode of the processor.
///
/// The caller clamps first, so |x| <= 2^22 in every apply(); NaN does not reach it.

namespace qat {

/// How far a rounding moves its argument; the quantizer omits clamps that the bound makes idle.
enum class rounding_reach {
  half,         ///< |R(x) - x| <= 1/2
  toward_zero,  ///< |R(x)| <= |x| and |R(x) - x| < 1
  one           ///< |R(x) - x| < 1; what a policy without `reach` is taken for
};

namespace detail {

template <class R>
inline constexpr rounding_reach reach_of = rounding_reach::one;
template <class R>
  requires requires {
    { R::reach } -> std::convertible_to<rounding_reach>;
  }
inline constexpr rounding_reach reach_of<R> = R::reach;

}  // namespace detail

/// To the nearest integer, ties to the even one (torch.round, IEEE roundTiesToEven). Default.
struct round_nearest_even : policy_of<policy_kind::rounding> {
  static constexpr rounding_reach reach = rounding_reach::half;
  QAT_HOST_DEVICE static constexpr float apply(float x) noexcept {
    const int toward_zero = static_cast<int>(x);
    const float fraction = x - static_cast<float>(toward_zero);
    const float magnitude = fraction < 0.0f ? -fraction : fraction;
    const bool away = magnitude > 0.5f || (magnitude == 0.5f && toward_zero % 2 != 0);
    return static_cast<float>(away ? toward_zero + (x < 0.0f ? -1 : 1) : toward_zero);
  }
};

/// To the nearest integer, ties away from zero (C's round).
struct round_half_away : policy_of<policy_kind::rounding> {
  static constexpr rounding_reach reach = rounding_reach::half;
  QAT_HOST_DEVICE static constexpr float apply(float x) noexcept {
    const int toward_zero = static_cast<int>(x);
    const float fraction = x - static_cast<float>(toward_zero);
    const float magnitude = fraction < 0.0f ? -fraction : fraction;
    return static_cast<float>(magnitude >= 0.5f ? toward_zero + (x < 0.0f ? -1 : 1) : toward_zero);
  }
};

/// Drops the fraction.
struct round_toward_zero : policy_of<policy_kind::rounding> {
  static constexpr rounding_reach reach = rounding_reach::toward_zero;
  QAT_HOST_DEVICE static constexpr float apply(float x) noexcept {
    return static_cast<float>(static_cast<int>(x));
  }
};

/// To the largest integer that is not above x.
struct round_floor : policy_of<policy_kind::rounding> {
  static constexpr rounding_reach reach = rounding_reach::one;
  QAT_HOST_DEVICE static constexpr float apply(float x) noexcept {
    const float toward_zero = static_cast<float>(static_cast<int>(x));
    return toward_zero > x ? toward_zero - 1.0f : toward_zero;
  }
};

/// Away from zero with the probability of the fraction, else toward zero: the mean over random is x.
///
/// Error  |E[R(x)] - x| <= 2^-24: the fraction is compared with 2^23 equally likely thresholds, the middles of their
///        cells. A fraction below 2^-24 always rounds toward zero.
struct round_stochastic : policy_of<policy_kind::rounding> {
  static constexpr rounding_reach reach = rounding_reach::one;
  QAT_HOST_DEVICE static constexpr float apply(float x, std::uint32_t random) noexcept {
    const int toward_zero = static_cast<int>(x);
    const float fraction = x - static_cast<float>(toward_zero);
    const float magnitude = fraction < 0.0f ? -fraction : fraction;
    const bool away = static_cast<float>(random >> 9) + 0.5f < magnitude * 0x1p23f;
    return static_cast<float>(away ? toward_zero + (x < 0.0f ? -1 : 1) : toward_zero);
  }
};

}  // namespace qat
