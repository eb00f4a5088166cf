#pragma once

#include <qat/quant/quantize.hpp>

#include <cmath>

/// \file
/// How far fake quantization moves a matrix.

namespace qat {

/// Statistics of e = x - y over n elements, in double.
struct error_statistics {
  std::size_t count = 0;
  double mean_squared_error = 0.0;  ///< sum e^2 / n
  double signal_to_noise_db =
      0.0;  ///< 10 log10(sum x^2 / sum e^2); infinite without error, NaN for an all-zero x
  double max_absolute_error = 0.0;  ///< max |e|
  double clipped_fraction =
      0.0;  ///< elements beyond [qmin - z, qmax - z] in units of the scale, over n
  std::size_t not_finite =
      0;  ///< elements whose x or y is NaN or infinite; left out of everything else but count
};

/// Compares x with its fake-quantized self.
///
///   MSE = sum (x - y)^2 / n,   SQNR = 10 log10(sum x^2 / sum (x - y)^2) dB
///
/// Shapes    x (rows, cols); p as calibrate gives it.
/// Valid     any floats, sums in double in row-major order. `n` counts the finite elements.
/// Error     the rounding of double; the logarithm is <cmath>'s, so these figures are for people, not for bits.
/// Throws    as quantize.
/// Cost      one read an element; no allocation.
template <quantizer_like Q, readable_matrix<float> X, parameters_of_quantizer<Q> P>
[[nodiscard]] error_statistics error_stats(const X& x, const P& p, random_key key = {}) {
  core::check_float_environment("error_stats");
  const matrix_view<const float> view = as_view(x);
  const parameters_view<Q> params = detail::view_of<Q>(p);
  detail::check_parameters<Q>(params, view.rows, view.cols);
  error_statistics result;
  result.count = view.size();
  double signal = 0.0;
  double noise = 0.0;
  std::size_t clipped = 0;
  const auto add = [&](std::size_t r, std::size_t at, std::size_t begin, std::size_t count) {
    const auto g = detail::operands_of<Q>(detail::read_parameters<Q>(params, at));
    for (std::size_t c = begin; c < begin + count; ++c) {
      const float value = view(r, c);
      const float level = detail::level_of<Q>(value, g, key, std::uint64_t{r} * view.cols + c);
      const float quantized = Q::scale_application::to_value(level, g.value);
      if (!detail::is_finite(value) || !detail::is_finite(quantized)) {
        ++result.not_finite;
        continue;
      }
      const double v = static_cast<double>(value);
      const double error = v - static_cast<double>(quantized);
      signal = std::fma(v, v, signal);
      noise = std::fma(error, error, noise);
      const double magnitude = error < 0.0 ? -error : error;
      if (magnitude > result.max_absolute_error) result.max_absolute_error = magnitude;
      const float units = detail::units_of<Q>(value, g);
      if (units < g.lo || units > g.hi) ++clipped;
    }
  };
  detail::for_all_groups<Q>(scalar{}, view.rows, view.cols, add);
  const std::size_t finite = result.count - result.not_finite;
  if (finite != 0) {
    result.mean_squared_error = noise / static_cast<double>(finite);
    result.clipped_fraction = static_cast<double>(clipped) / static_cast<double>(finite);
  }
  result.signal_to_noise_db = 10.0 * std::log10(signal / noise);
  return result;
}

}  // namespace qat
