#pragma once

#include <qat/core/float_environment.hpp>
#include <qat/quant/detail/strips.hpp>

/// \file
/// From values to parameters.

namespace qat {

/// Measures each group of x and writes its scale, and its zero point where Q has one.
///
///   symmetric  s = format(range(x)),  absmax: format(max |x| / qmax)
///   affine     s = format((hi - lo) / (qmax - qmin)),  z = clamp(qmin - round_nearest_even(lo / s), qmin, qmax)
///
/// Shapes    x (rows, cols); parameter_count<Q>(rows, cols) scales and, where Q has them, zero points.
/// Valid     any floats. A group with NaN or infinity: s = NaN, z = 0 (fixed_range never looks at the data: its scale is
///           the same for every group). (hi - lo) or max |x| too small for a scale of
///           2^-126, an empty or all-zero group included: s = 1, z = 0. A scale below the smallest normal of its format
///           becomes that normal, one beyond its largest value NaN.
/// Error     one rounding a division, then that of the scale format; the same bits on every backend.
/// Throws    ContractViolation if the parameters do not fit the shape, or per_head does not divide cols, or the
///           floating-point environment was changed.
/// Cost      one read an element; no allocation.
/// Source    Liu et al. 2023 (arXiv 2305.17888), eq. (3); Jacob et al. 2018, section 3 for affine.
template <quantizer_like Q, execution E, readable_matrix<float> X>
void calibrate(const E& e, const X& x, const parameters_span<Q>& out) {
  core::check_float_environment("calibrate");
  const matrix_view<const float> view = as_view(x);
  detail::check_parameter_shape<Q>(out, view.rows, view.cols);
  using runs = detail::runs_for<Q, E>;
  if constexpr (Q::granularity::whole_tensor) {
    detail::write_parameters<Q>(out, 0, detail::measure_tensor<Q, runs>(e, view));
  } else if (detail::columns_are_contiguous(view)) {
    detail::calibrate_strips<Q>(e, view, out);
  } else {
    const auto measure = [&](std::size_t r, std::size_t at, std::size_t begin, std::size_t count) {
      detail::write_parameters<Q>(
          out, at,
          detail::fresh_parameters<Q>(detail::measure_group<Q, runs>(view, r, begin, count)));
    };
    detail::for_all_groups<Q>(e, view.rows, view.cols, measure);
  }
}

/// The same on the default backend in the caller's thread.
template <quantizer_like Q, readable_matrix<float> X, class Arch = core::default_arch>
void calibrate(const X& x, const parameters_span<Q>& out) {
  calibrate<Q>(simd<Arch>{}, x, out);
}

/// The same, returning parameters of its own.
///
/// Cost  allocates the result.
template <quantizer_like Q, execution E, readable_matrix<float> X>
[[nodiscard]] parameters<Q> calibrate(const E& e, const X& x) {
  const matrix_view<const float> view = as_view(x);
  parameters<Q> p = detail::make_parameters<Q>(view.rows, view.cols);
  calibrate<Q>(e, view, detail::span_of<Q>(p));
  return p;
}

template <quantizer_like Q, readable_matrix<float> X, class Arch = core::default_arch>
[[nodiscard]] parameters<Q> calibrate(const X& x) {
  return calibrate<Q>(simd<Arch>{}, x);
}

}  // namespace qat
