#pragma once

#include <qat/core/matrix_view.hpp>
#include <qat/quant/quantizer.hpp>

#include <bit>
#include <span>
#include <vector>

/// \file
/// The parameters of a quantized matrix: a scale and perhaps a zero point for each group.

namespace qat {

/// Owning parameters of a matrix (rows, cols): element r * groups_per_row + g belongs to group g of row r; one element
/// for per_tensor. `zero_points` is empty for a quantizer without zero point.
template <quantizer_like Q>
struct parameters {
  std::vector<float> scales;
  std::vector<typename Q::code_type> zero_points;
};

/// Borrowed parameters, laid out as in `parameters`; T is float or const float.
template <quantizer_like Q, class T>
struct basic_parameters_view {
  using zero_point_type =
      std::conditional_t<std::is_const_v<T>, const typename Q::code_type, typename Q::code_type>;
  std::span<T> scales;
  std::span<zero_point_type> zero_points = {};
};

/// Parameters that are read.
template <quantizer_like Q>
using parameters_view = basic_parameters_view<Q, const float>;

/// Parameters that are written.
template <quantizer_like Q>
using parameters_span = basic_parameters_view<Q, float>;

/// Groups in a row of `cols` elements: ceil(cols / group size), 1 for per_tensor, 0 for an empty row.
template <quantizer_like Q>
[[nodiscard]] constexpr std::size_t groups_per_row(std::size_t cols) {
  if (cols == 0) return 0;
  const std::size_t size = Q::granularity::group_size(cols);
  return cols / size + (cols % size != 0 ? 1 : 0);
}

/// Scales of a matrix (rows, cols): 1 for per_tensor, else rows * groups_per_row(cols). By calculation only, so any
/// size that std::size_t holds is valid.
template <quantizer_like Q>
[[nodiscard]] constexpr std::size_t parameter_count(std::size_t rows, std::size_t cols) {
  return Q::granularity::whole_tensor ? 1 : rows * groups_per_row<Q>(cols);
}

/// Bits that one element takes when it ships: bit_width + (scale bits + zero point bits) * groups / elements.
///
/// Shapes  a matrix (rows, cols). A zero point takes the width of a code.
/// Valid   rows * cols > 0; 0 otherwise.
/// Error   the rounding of double.
/// Throws  nothing.
template <quantizer_like Q>
[[nodiscard]] constexpr double stored_bits(std::size_t rows, std::size_t cols) {
  if (rows == 0 || cols == 0) return 0.0;
  const double groups = static_cast<double>(parameter_count<Q>(rows, cols));
  const double each =
      static_cast<double>(Q::scale_format::stored_bits + (Q::has_zero_point ? Q::bit_width : 0));
  return static_cast<double>(Q::bit_width) +
         groups / (static_cast<double>(rows) * static_cast<double>(cols)) * each;
}

namespace detail {

template <quantizer_like Q>
[[nodiscard]] parameters_view<Q> view_of(const parameters<Q>& p) {
  return {p.scales, p.zero_points};
}
template <quantizer_like Q, class T>
[[nodiscard]] parameters_view<Q> view_of(const basic_parameters_view<Q, T>& p) {
  return {p.scales, p.zero_points};
}
template <quantizer_like Q>
[[nodiscard]] parameters_span<Q> span_of(parameters<Q>& p) {
  return {p.scales, p.zero_points};
}
template <quantizer_like Q>
[[nodiscard]] parameters_span<Q> span_of(const parameters_span<Q>& p) {
  return p;
}

/// Room for the parameters of a matrix (rows, cols).
template <quantizer_like Q>
[[nodiscard]] parameters<Q> make_parameters(std::size_t rows, std::size_t cols) {
  const std::size_t count = parameter_count<Q>(rows, cols);
  parameters<Q> p;
  p.scales.resize(count);
  if constexpr (Q::has_zero_point) p.zero_points.resize(count);
  return p;
}

template <quantizer_like Q>
[[nodiscard]] std::string width_and_group(std::size_t cols) {
  return "a width of " + std::to_string(cols) + " and groups of " +
         std::to_string(Q::granularity::group_size(cols));
}

/// Checks the number of parameters and the width against the shape.
template <quantizer_like Q, class T>
void check_parameter_shape(const basic_parameters_view<Q, T>& p, std::size_t rows,
                           std::size_t cols) {
  if constexpr (Q::granularity::must_divide) {
    QAT_EXPECTS(cols % Q::granularity::group_size(cols) == 0, width_and_group<Q>(cols));
  }
  const std::size_t count = parameter_count<Q>(rows, cols);
  QAT_EXPECTS(p.scales.size() == count, std::to_string(p.scales.size()) + " scales where " +
                                            std::to_string(count) + " are needed");
  QAT_EXPECTS(p.zero_points.size() == (Q::has_zero_point ? count : 0),
              std::to_string(p.zero_points.size()) + " zero points where " +
                  std::to_string(Q::has_zero_point ? count : 0) + " are needed");
}

/// Checks that scales can be used: finite and positive (or not zero where the range policy is signed), or NaN; zero
/// points among the codes.
template <quantizer_like Q>
void check_parameters(const parameters_view<Q>& p, std::size_t rows, std::size_t cols) {
  check_parameter_shape<Q>(p, rows, cols);
  // Patterns: a usable positive scale lies in [1, 0x7f7fffff]; NaN above 0x7f800000 passes.
  unsigned bad = 0;
  for (const float scale : p.scales) {
    std::uint32_t pattern = std::bit_cast<std::uint32_t>(scale);
    if constexpr (has_signed_scale<typename Q::range>) pattern &= 0x7fffffffu;
    const bool is_nan = (pattern & 0x7fffffffu) > 0x7f800000u;
    bad |= static_cast<unsigned>(!(is_nan || pattern - 1u < 0x7f7fffffu));
  }
  QAT_EXPECTS(bad == 0, "a scale that is zero, infinite or of the wrong sign");
  if constexpr (Q::has_zero_point) {
    for (const auto zero_point : p.zero_points)
      QAT_EXPECTS(zero_point >= Q::qmin && zero_point <= Q::qmax,
                  "zero point " + std::to_string(zero_point) + " outside the codes " +
                      std::to_string(Q::qmin) + ".." + std::to_string(Q::qmax));
  }
}

}  // namespace detail
}  // namespace qat
