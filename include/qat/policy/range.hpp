#pragma once

#include <qat/fwd.hpp>
#include <qat/policy/concepts.hpp>

/// \file
/// How far the codes of a group reach: from its statistics to a scale (symmetric) or an interval (affine).

namespace qat {

namespace detail {

template <class R>
inline constexpr bool has_signed_scale = false;
template <class R>
  requires requires {
    { R::has_signed_scale } -> std::convertible_to<bool>;
  }
inline constexpr bool has_signed_scale<R> = R::has_signed_scale;

}  // namespace detail

/// scale = m / qmax, m = max |x|; as an interval [-m, m]. Nothing is clipped. Default.
struct absmax : policy_of<policy_kind::range> {
  static constexpr range_statistic statistic = range_statistic::absmax;
  QAT_HOST_DEVICE static constexpr float symmetric_scale(group_statistics s, int,
                                                         int qmax) noexcept {
    return s.absmax / static_cast<float>(qmax);
  }
  QAT_HOST_DEVICE static constexpr range_interval affine_interval(group_statistics s) noexcept {
    return {-s.absmax, s.absmax};
  }
};

/// scale = m / ((qmax - qmin) / 2), m = max |x| (torchao's symmetric int4: m / 7.5; +m is clipped).
struct absmax_half_span : policy_of<policy_kind::range> {
  static constexpr range_statistic statistic = range_statistic::absmax;
  QAT_HOST_DEVICE static constexpr float symmetric_scale(group_statistics s, int qmin,
                                                         int qmax) noexcept {
    return s.absmax / (static_cast<float>(qmax - qmin) / 2.0f);
  }
};

/// scale = e / qmin, e = the element of largest magnitude with its sign: e lands on qmin exactly (ggml's Q4_0 rule).
/// The scale is negative where e > 0. Where +m and -m both occur, e = +m.
struct signed_absmax : policy_of<policy_kind::range> {
  static constexpr range_statistic statistic = range_statistic::min_max;
  static constexpr bool has_signed_scale = true;
  QAT_HOST_DEVICE static constexpr float symmetric_scale(group_statistics s, int qmin,
                                                         int) noexcept {
    return (s.max >= -s.min ? s.max : s.min) / static_cast<float>(qmin);
  }
};

/// The interval [min(x, 0), max(x, 0)]: zero is always inside. Symmetric: scale = max(-min, max) / qmax.
struct min_max : policy_of<policy_kind::range> {
  static constexpr range_statistic statistic = range_statistic::min_max;
  QAT_HOST_DEVICE static constexpr float symmetric_scale(group_statistics s, int,
                                                         int qmax) noexcept {
    return (s.max >= -s.min ? s.max : -s.min) / static_cast<float>(qmax);
  }
  QAT_HOST_DEVICE static constexpr range_interval affine_interval(group_statistics s) noexcept {
    return {s.min < 0.0f ? s.min : 0.0f, s.max > 0.0f ? s.max : 0.0f};
  }
};

/// The interval [Lo / Denominator, Hi / Denominator] whatever the data. Symmetric: scale = max(-lo, hi) / qmax.
template <int Lo, int Hi, int Denominator>
  requires(Lo <= 0 && Hi >= 0 && Lo < Hi && Denominator >= 1)
struct fixed_range : policy_of<policy_kind::range> {
  static constexpr range_statistic statistic = range_statistic::none;
  static constexpr float lo = static_cast<float>(Lo) / static_cast<float>(Denominator);
  static constexpr float hi = static_cast<float>(Hi) / static_cast<float>(Denominator);
  QAT_HOST_DEVICE static constexpr float symmetric_scale(group_statistics, int, int qmax) noexcept {
    return (hi >= -lo ? hi : -lo) / static_cast<float>(qmax);
  }
  QAT_HOST_DEVICE static constexpr range_interval affine_interval(group_statistics) noexcept {
    return {lo, hi};
  }
};

}  // namespace qat
