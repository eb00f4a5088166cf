#pragma once

#include <qat/quant/legality.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

/// \file
/// A quantizer: nine policies in canonical order. Its type is behaviour; its description is a value.

namespace qat {

/// What a quantizer is, as data for checkpoints, logs and tables. New members are added at the end only.
struct quantizer_description {
  int bits = 0;
  int qmin = 0;
  int qmax = 0;
  bool has_zero_point = false;
  bool whole_tensor = true;
  std::size_t group = 0;  ///< elements a scale, 0: the whole row or tensor
  int scale_bits = 32;

  friend constexpr bool operator==(const quantizer_description&,
                                   const quantizer_description&) = default;
};

/// "4-bit codes -7..7, one scale a group of 64, 16-bit scales".
[[nodiscard]] inline std::string to_string(const quantizer_description& d) {
  std::string text = std::to_string(d.bits) + "-bit codes " + std::to_string(d.qmin) + ".." +
                     std::to_string(d.qmax);
  if (d.has_zero_point) text += " with a zero point";
  text += d.whole_tensor ? ", one scale"
          : d.group == 0 ? ", one scale a row"
                         : ", one scale a group of " + std::to_string(d.group);
  return text + ", " + std::to_string(d.scale_bits) + "-bit scales";
}

/// The canonical form of a quantizer, the name that errors and symbols show. Users write Quantizer<...>.
///
///   code = clamp(round(units(x)) + zero_point, qmin, qmax),   value = (code - zero_point) * scale
///
/// \see Quantizer
template <class Bits, class Granularity, class Rounding, class Symmetry, class Range, class Grid,
          class ScaleFormat, class ScaleApplication, class Gradient>
struct basic_quantizer {
  using granularity = Granularity;
  using rounding = Rounding;
  using symmetry = Symmetry;
  using range = Range;
  using grid = Grid;
  using scale_format = ScaleFormat;
  using scale_application = ScaleApplication;
  using gradient = Gradient;

  static constexpr int bit_width = Bits::value;
  static constexpr int qmin = Symmetry::qmin(bit_width);
  static constexpr int qmax = Symmetry::qmax(bit_width);
  static constexpr bool has_zero_point = Symmetry::has_zero_point;
  static constexpr bool is_random = !deterministic_rounding<Rounding>;

  /// The smallest type of whole bytes that holds every code.
  using code_type = std::conditional_t<(qmin < 0), std::int8_t, std::uint8_t>;

  static constexpr quantizer_description description{.bits = bit_width,
                                                     .qmin = qmin,
                                                     .qmax = qmax,
                                                     .has_zero_point = has_zero_point,
                                                     .whole_tensor = Granularity::whole_tensor,
                                                     .group = Granularity::group_size(0),
                                                     .scale_bits = ScaleFormat::stored_bits};
};

namespace detail {

template <class Q>
inline constexpr bool is_quantizer = false;
template <class... Ps>
inline constexpr bool is_quantizer<basic_quantizer<Ps...>> = true;

template <class... Ps>
struct make_quantizer {
  using named = named_policies<Ps...>;
  using type =
      basic_quantizer<typename named::bit_width, typename named::granularity,
                      typename named::rounding, typename named::symmetry, typename named::range,
                      typename named::grid, typename named::scale_format,
                      typename named::scale_application, typename named::gradient>;
};

}  // namespace detail

/// Any quantizer type: what library templates constrain their parameter with.
template <class Q>
concept quantizer_like = detail::is_quantizer<Q>;

/// A quantizer from policies in any order, at most one of each kind. bits<N> must be named; the defaults are
/// per_tensor, round_nearest_even, symmetric, absmax, integer_grid, fp32_scale, reciprocal, straight_through.
///
///   using W4 = qat::Quantizer<qat::bits<4>, qat::per_channel>;
template <policy... Ps>
  requires(models_its_kind<Ps>&&...)
&&one_policy_per_kind<Ps...>&& a_bit_width_is_named<Ps...>&&
    legal_combination<Ps...> using Quantizer = typename detail::make_quantizer<Ps...>::type;

namespace detail {

template <class Q, class P>
struct replace_policy;
template <class... Ps, class P>
struct replace_policy<basic_quantizer<Ps...>, P> {
  using type = basic_quantizer<std::conditional_t<Ps::kind == P::kind, P, Ps>...>;
};

}  // namespace detail

/// Q with P in place of its policy of that kind. Whether the two go together is not asked.
template <quantizer_like Q, policy P>
using with_policy = typename detail::replace_policy<Q, P>::type;

/// Whether with_policy<Q, through_scale> is legal.
template <class Q>
concept has_measured_group_scales = quantizer_like<Q> &&
    scale_gradient_needs_a_measured_scale_of_a_group<with_policy<Q, through_scale>>;

}  // namespace qat
