#pragma once

#include <qat/fwd.hpp>
#include <qat/policy/bits.hpp>
#include <qat/policy/gradient.hpp>
#include <qat/policy/granularity.hpp>
#include <qat/policy/grid.hpp>
#include <qat/policy/range.hpp>
#include <qat/policy/rounding.hpp>
#include <qat/policy/scale_application.hpp>
#include <qat/policy/scale_format.hpp>
#include <qat/policy/symmetry.hpp>

#include <type_traits>

/// \file
/// Which policies combine: each rule is a concept whose name is the sentence that a compiler prints.

namespace qat {

namespace detail {

template <policy_kind K, class P>
struct slot {
  using type = P;
};
template <class... Ps>
struct policy_set : slot<Ps::kind, Ps>... {};

template <policy_kind K, class Default, class P>
slot<K, P> find_slot(const slot<K, P>*);
template <policy_kind K, class Default>
slot<K, Default> find_slot(const void*);

/// The policy of kind K in Set, or Default.
template <policy_kind K, class Default, class Set>
using pick = typename decltype(find_slot<K, Default>(static_cast<const Set*>(nullptr)))::type;

template <class... Ps>
constexpr bool kinds_differ() {
  constexpr std::size_t kinds = 9;
  int seen[kinds] = {};
  ((++seen[static_cast<std::size_t>(Ps::kind)]), ...);
  for (int count : seen)
    if (count > 1) return false;
  return true;
}

/// What a pack of policies names, defaults filled in.
template <class... Ps>
struct named_policies {
  using set = policy_set<Ps...>;
  template <policy_kind K, class Default>
  using pick = detail::pick<K, Default, set>;
  using bit_width = pick<policy_kind::bit_width, void>;
  using granularity = pick<policy_kind::granularity, per_tensor>;
  using rounding = pick<policy_kind::rounding, round_nearest_even>;
  using symmetry = pick<policy_kind::symmetry, qat::symmetric>;
  using range = pick<policy_kind::range, absmax>;
  using grid = pick<policy_kind::grid, integer_grid>;
  using scale_format = pick<policy_kind::scale_format, fp32_scale>;
  using scale_application = pick<policy_kind::scale_application, reciprocal>;
  using gradient = pick<policy_kind::gradient, straight_through>;
};

}  // namespace detail

/// At most one policy of each kind.
template <class... Ps>
concept one_policy_per_kind = detail::kinds_differ<Ps...>();

/// bits<N> has no default.
template <class... Ps>
concept a_bit_width_is_named = !std::is_void_v<typename detail::named_policies<Ps...>::bit_width>;

/// Each named policy models the concept of its kind.
template <class P>
concept models_its_kind = (P::kind == policy_kind::bit_width && bit_width_policy<P>) ||
                          (P::kind == policy_kind::granularity && granularity_policy<P>) ||
                          (P::kind == policy_kind::rounding && rounding_policy<P>) ||
                          (P::kind == policy_kind::symmetry && symmetry_policy<P>) ||
                          (P::kind == policy_kind::range && range_policy<P>) ||
                          (P::kind == policy_kind::grid && grid_policy<P>) ||
                          (P::kind == policy_kind::scale_format && scale_format_policy<P>) ||
                          (P::kind == policy_kind::scale_application &&
                           scale_application_policy<P>) ||
                          (P::kind == policy_kind::gradient && gradient_policy<P>);

/// With one bit a symmetric quantizer would have qmax = 0, and a signed one no positive code: only `affine`, with codes 0
/// and 1, has one bit.
template <class N>
concept one_bit_is_affine_only = (N::symmetry::has_zero_point && N::bit_width::value > 1) ||
                                 (N::symmetry::qmax(N::bit_width::value) > 0);

/// A symmetric quantizer needs a range that gives a scale.
template <class N>
concept range_fits_symmetric_codes =
    N::symmetry::has_zero_point || offers_symmetric_scale<typename N::range>;

/// An affine quantizer needs a range that gives an interval.
template <class N>
concept range_fits_affine_codes =
    !N::symmetry::has_zero_point || offers_affine_interval<typename N::range>;

/// A range whose scale may be negative needs a scale format with a sign.
template <class N>
concept signed_scale_has_a_signed_format =
    !detail::has_signed_scale<typename N::range> || N::scale_format::has_sign;

/// llmqat_reference is defined for symmetric codes, absmax, round_nearest_even and fp32_scale only.
template <class N>
concept llmqat_reference_keeps_its_own_policies =
    !std::is_same_v<typename N::scale_application, llmqat_reference> ||
    (std::is_same_v<typename N::symmetry, qat::symmetric> &&
     std::is_same_v<typename N::range, absmax> &&
     std::is_same_v<typename N::rounding, round_nearest_even> &&
     std::is_same_v<typename N::scale_format, fp32_scale>);

/// A gradient goes through scales that are measured from the elements of a row's group and decide their levels alone: not
/// through a fixed_range, a scale of the whole tensor, random rounding, or llmqat_reference's two epsilons.
template <class N>
concept scale_gradient_needs_a_measured_scale_of_a_group =
    !detail::reaches_scale<typename N::gradient> ||
    (N::range::statistic != range_statistic::none && !N::granularity::whole_tensor &&
     deterministic_rounding<typename N::rounding> &&
     !std::is_same_v<typename N::scale_application, llmqat_reference>);

/// The rules that a set of policies must keep together.
template <class... Ps>
concept legal_combination = one_bit_is_affine_only<detail::named_policies<Ps...>> &&
    range_fits_symmetric_codes<detail::named_policies<Ps...>> &&
    range_fits_affine_codes<detail::named_policies<Ps...>> &&
    signed_scale_has_a_signed_format<detail::named_policies<Ps...>> &&
    llmqat_reference_keeps_its_own_policies<detail::named_policies<Ps...>> &&
    scale_gradient_needs_a_measured_scale_of_a_group<detail::named_policies<Ps...>>;

}  // namespace qat
