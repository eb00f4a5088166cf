#pragma once

#include <qat/config.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

/// \file
/// What a policy is: an empty struct that states its kind and offers the smallest static interface of that kind.
///
/// Each concept below is the whole contract of one kind; a user's own policy derives from policy_of<kind> and models it.

namespace qat {

/// The kinds of policy that a quantizer is made of; it takes at most one of each, in any order.
enum class policy_kind {
  bit_width,
  granularity,
  rounding,
  symmetry,
  range,
  grid,
  scale_format,
  scale_application,
  gradient
};

/// Base of every policy: registers its kind.
template <policy_kind K>
struct policy_of {
  static constexpr policy_kind kind = K;
};

template <class P>
concept policy = requires {
  { P::kind } -> std::convertible_to<policy_kind>;
};

template <class P, policy_kind K>
concept policy_of_kind = policy<P> &&(P::kind == K);

// ---- bit width ----

/// `value`: the width of a code in bits, 1 to 8.
template <class P>
concept bit_width_policy = policy_of_kind<P, policy_kind::bit_width> && requires {
  { P::value } -> std::convertible_to<int>;
};

// ---- granularity ----

/// `whole_tensor`: one group for everything; otherwise group_size(cols) elements of a row share a scale and
/// `must_divide` says whether a shorter last group is refused.
template <class P>
concept granularity_policy = policy_of_kind<P, policy_kind::granularity> &&
    requires(std::size_t cols) {
  { P::whole_tensor } -> std::convertible_to<bool>;
  { P::must_divide } -> std::convertible_to<bool>;
  { P::group_size(cols) }
  noexcept->std::same_as<std::size_t>;
};

// ---- rounding ----

template <class P>
concept deterministic_rounding = requires(float x) {
  { P::apply(x) }
  noexcept->std::same_as<float>;
};

template <class P>
concept random_rounding = requires(float x, std::uint32_t random) {
  { P::apply(x, random) }
  noexcept->std::same_as<float>;
};

/// apply(x) or apply(x, random) gives an integer next to x for |x| <= 2^22. Optional `reach` (rounding_reach).
template <class P>
concept rounding_policy = policy_of_kind<P, policy_kind::rounding> &&
    (deterministic_rounding<P> || random_rounding<P>);

// ---- symmetry ----

/// qmin(bits), qmax(bits): the codes in use; `has_zero_point`: whether an integer zero point exists.
template <class P>
concept symmetry_policy = policy_of_kind<P, policy_kind::symmetry> && requires(int bits) {
  { P::qmin(bits) }
  noexcept->std::same_as<int>;
  { P::qmax(bits) }
  noexcept->std::same_as<int>;
  { P::has_zero_point } -> std::convertible_to<bool>;
};

// ---- range ----

/// What a range policy must know of a group before it can say how far the codes reach.
enum class range_statistic { none, absmax, min_max };

/// Measured over one group of finite elements; a member that the policy did not ask for is 0.
struct group_statistics {
  float absmax = 0.0f;
  float min = 0.0f;
  float max = 0.0f;
};

/// A closed interval of real values, lo <= 0 <= hi.
struct range_interval {
  float lo = 0.0f;
  float hi = 0.0f;
};

template <class P>
concept offers_symmetric_scale = requires(group_statistics s, int q) {
  { P::symmetric_scale(s, q, q) }
  noexcept->std::same_as<float>;
};

template <class P>
concept offers_affine_interval = requires(group_statistics s) {
  { P::affine_interval(s) }
  noexcept->std::same_as<range_interval>;
};

/// `statistic`; symmetric_scale(statistics, qmin, qmax), affine_interval(statistics) or both. Optional
/// `has_signed_scale`: the scale may be negative.
template <class P>
concept range_policy = policy_of_kind<P, policy_kind::range> && requires {
  { P::statistic } -> std::convertible_to<range_statistic>;
} &&(offers_symmetric_scale<P> || offers_affine_interval<P>);

// ---- grid ----

/// Marks how codes become levels; `is_integer`: level = code - zero_point.
template <class P>
concept grid_policy = policy_of_kind<P, policy_kind::grid> && requires {
  { P::is_integer } -> std::convertible_to<bool>;
};

// ---- scale format ----

/// nearest(scale) is the value that ships; `stored_bits` its size; `has_sign` whether it may be negative.
template <class P>
concept scale_format_policy = policy_of_kind<P, policy_kind::scale_format> &&
    requires(float scale) {
  { P::nearest(scale) }
  noexcept->std::same_as<float>;
  { P::stored_bits } -> std::convertible_to<int>;
  { P::has_sign } -> std::convertible_to<bool>;
};

// ---- scale application ----

/// Between values and units of the scale: units = to_units(x, units_operand(scale)), value = to_value(level,
/// value_operand(scale)); `value_is_product`: value = level * scale exactly as rounded, so codes and scale ship it.
template <class P>
concept scale_application_policy = policy_of_kind<P, policy_kind::scale_application> &&
    requires(float x) {
  { P::units_operand(x) }
  noexcept->std::same_as<float>;
  { P::to_units(x, x) }
  noexcept->std::same_as<float>;
  { P::value_operand(x) }
  noexcept->std::same_as<float>;
  { P::to_value(x, x) }
  noexcept->std::same_as<float>;
  { P::value_is_product } -> std::convertible_to<bool>;
};

// ---- gradient ----

/// passes(x, units, lo, hi): whether the gradient of the quantized value reaches x. `units` is x in units of the
/// scale before rounding, [lo, hi] = [qmin - zero_point, qmax - zero_point] the range that does not saturate. Optional
/// `reaches_scale`: the gradient also goes through the scale.
template <class P>
concept gradient_policy = policy_of_kind<P, policy_kind::gradient> &&
    requires(float x, float units, float lo, float hi) {
  { P::passes(x, units, lo, hi) }
  noexcept->std::same_as<bool>;
};

}  // namespace qat
