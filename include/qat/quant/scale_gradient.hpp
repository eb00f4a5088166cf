#pragma once

#include <qat/core/float_environment.hpp>
#include <qat/core/rows.hpp>
#include <qat/quant/quantize.hpp>

#include <algorithm>

/// \file
/// The gradient that reaches a group's elements through its scale.

namespace qat {

namespace detail {

/// y[i] -= x[i]. Opaque: levels are products, which must not be fused into the difference.
template <class Backend>
void subtract_row(float* y, const float* x, std::size_t n) {
  std::size_t i = 0;
  if constexpr (!std::is_same_v<Backend, scalar>) {
    using arch = typename Backend::arch;
    constexpr std::size_t lanes = core::lane_count<arch>;
    for (; i + lanes <= n; i += lanes)
      core::store(y + i, core::opaque(core::load<arch>(y + i)) - core::load<arch>(x + i));
  }
  for (; i < n; ++i) y[i] = core::opaque(y[i]) - x[i];
}

/// sum_i dy_i (y_i - x_i) over [begin, begin + count) of row r, y the levels of x: the gradient of the scale times the scale.
template <quantizer_like Q, class Backend>
[[nodiscard]] float error_times_gradient(const matrix_view<const float>& x,
                                         const matrix_view<const float>& dy, std::size_t r,
                                         std::size_t begin, std::size_t count,
                                         const group_operands& g) {
  using runs = typename runs_of<Q, Backend>::type;
  float total = 0.0f;
  read_pieces(x, r, begin, count, [&](const float* from, std::size_t offset, std::size_t n) {
    for (std::size_t done = 0; done < n; done += piece_elements) {
      const std::size_t some = std::min(piece_elements, n - done);
      float error[piece_elements];
      runs::template fake_quantize<false, false>(from + done, error, some, g, {}, 0);
      subtract_row<Backend>(error, from + done, some);
      read_pieces(dy, r, begin + offset + done, some,
                  [&](const float* gradient, std::size_t, std::size_t) {
                    if constexpr (std::is_same_v<Backend, scalar>)
                      total += core::oracle::dot<core::default_arch>(error, gradient, some);
                    else
                      total += core::dot<typename Backend::arch>(error, gradient, some);
                  });
    }
  });
  return total;
}

/// The first of [begin, begin + count) of row r whose value, or magnitude, is `wanted`.
template <bool Magnitude>
[[nodiscard]] std::size_t first_of(const matrix_view<const float>& x, std::size_t r,
                                   std::size_t begin, std::size_t count, float wanted) {
  std::size_t c = begin;
  while (c + 1 < begin + count && (Magnitude ? core::absolute(x(r, c)) : x(r, c)) != wanted) ++c;
  return c;
}

}  // namespace detail

/// Adds to dx what reaches x through the scales: the part of the gradient that fake_quantize_backward does not have.
///
/// With y = x + s error, the error of rounding held fixed, d y_i / d s = (y_i - x_i) / s; and a measured scale is proportional to
/// what it is measured by:
///
///   the largest magnitude, x_j          dx_j += sum_i dy_i (y_i - x_i) / x_j
///   both ends (affine min_max)          dx_max += sum_i dy_i (y_i - x_i) / (hi - lo) if hi = max > 0;  dx_min -= it if lo = min < 0
///
/// Where rounding costs on average, errors lie along dy, and descent makes the group narrower.
///
/// Shapes    x, dy, dx (rows, cols); p as calibrate gives it for x.
/// Valid     a group that is not finite, all zero, or whose scale its format had to raise to twice itself adds nothing. Of several
///           largest elements the first receives. A range of your own must be proportional to its statistics.
/// Error     the sum: core::dot over pieces of 512 elements of a group, added in order; one subtraction an element, one division a group.
/// Throws    as quantize.
/// Cost      three reads an element; no allocation.
/// Backends  scalar (oracle), simd: bit-identical.
/// Source    the derivative by the scale: Esser et al. 2020 (arXiv 1902.08153), eq. (3), there for a scale that is a parameter of its own.
template <quantizer_like Q, execution E, readable_matrix<float> X, parameters_of_quantizer<Q> P,
          readable_matrix<float> DY, writable_matrix<float> DX>
  requires has_measured_group_scales<Q>
void add_scale_gradient(const E& e, const X& x, const P& p, const DY& dy, DX&& dx) {
  core::check_float_environment("add_scale_gradient");
  const matrix_view<const float> view = as_view(x);
  const matrix_view<const float> in = as_view(dy);
  const matrix_view<float> out = as_view(dx);
  const parameters_view<Q> params = detail::view_of<Q>(p);
  detail::check_same_shape(view, in);
  detail::check_same_shape(view, out);
  detail::check_parameters<Q>(params, view.rows, view.cols);
  using backend = typename detail::execution_traits<E>::backend_type;
  using runs = detail::runs_for<Q, E>;
  using Range = typename Q::range;
  const auto add = [&](std::size_t r, std::size_t at, std::size_t begin, std::size_t count) {
    const detail::running_statistics measured =
        detail::measure_group<Q, runs>(view, r, begin, count);
    if (!measured.finite() || measured.absmax == 0) return;
    const group_statistics s = measured.result();
    const detail::group_parameters group = detail::read_parameters<Q>(params, at);
    if (!(core::absolute(group.scale) <= 2.0f * core::absolute(detail::unrounded_scale<Q>(s))))
      return;
    const float sum = detail::error_times_gradient<Q, backend>(view, in, r, begin, count,
                                                               detail::operands_of<Q>(group));
    if constexpr (Q::has_zero_point && Range::statistic == range_statistic::min_max) {
      const range_interval interval = Range::affine_interval(s);
      const float share = sum / (core::opaque(interval.hi) - core::opaque(interval.lo));
      if (s.max > 0.0f) out(r, detail::first_of<false>(view, r, begin, count, s.max)) += share;
      if (s.min < 0.0f) out(r, detail::first_of<false>(view, r, begin, count, s.min)) -= share;
    } else {
      const std::size_t j = detail::first_of<true>(view, r, begin, count, s.absmax);
      out(r, j) += sum / view(r, j);
    }
  };
  detail::for_all_groups<Q>(e, view.rows, view.cols, add);
}

template <quantizer_like Q, readable_matrix<float> X, parameters_of_quantizer<Q> P,
          readable_matrix<float> DY, writable_matrix<float> DX, class Arch = core::default_arch>
  requires has_measured_group_scales<Q>
void add_scale_gradient(const X& x, const P& p, const DY& dy, DX&& dx) {
  add_scale_gradient<Q>(simd<Arch>{}, x, p, dy, dx);
}

}  // namespace qat
