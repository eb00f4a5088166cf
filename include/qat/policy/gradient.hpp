#pragma once

#include <qat/policy/concepts.hpp>

/// \file
/// Which elements let the gradient of their quantized value through, and whether it goes on through their scale.

namespace qat {

namespace detail {

template <class G>
inline constexpr bool reaches_scale = false;
template <class G>
  requires requires {
    { G::reaches_scale } -> std::convertible_to<bool>;
  }
inline constexpr bool reaches_scale<G> = G::reaches_scale;

}  // namespace detail

/// Every element; the scale receives none. Default. Source  Bengio et al. 2013 (arXiv 1308.3432).
struct straight_through : policy_of<policy_kind::gradient> {
  QAT_HOST_DEVICE static constexpr bool passes(float, float, float, float) noexcept { return true; }
};

/// Every element, and on through the scale to the elements that it was measured from: what add_scale_gradient adds.
struct through_scale : policy_of<policy_kind::gradient> {
  static constexpr bool reaches_scale = true;
  QAT_HOST_DEVICE static constexpr bool passes(float, float, float, float) noexcept { return true; }
};

/// The elements inside [qmin, qmax] * scale, the boundary included; NaN does not pass.
struct clipped_straight_through : policy_of<policy_kind::gradient> {
  QAT_HOST_DEVICE static constexpr bool passes(float, float units, float lo, float hi) noexcept {
    return units >= lo && units <= hi;
  }
};

/// The elements with Lo < x < Hi, the boundary excluded, whatever the scale: fixed_mask<-2, 2> is what the LLM-QAT
/// release does to weights, activations, K and V.
template <int Lo, int Hi>
  requires(Lo < Hi)
struct fixed_mask : policy_of<policy_kind::gradient> {
  QAT_HOST_DEVICE static constexpr bool passes(float x, float, float, float) noexcept {
    return x > static_cast<float>(Lo) && x < static_cast<float>(Hi);
  }
};

}  // namespace qat
