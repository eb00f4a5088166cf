#pragma once

#include <qat/quant/detail/streaming.hpp>
#include <qat/quant/quantize.hpp>

/// \file
/// Quantization as training sees it: values on the grid, in fp32.

namespace qat {

/// Rounds each value to its level: quantize, then dequantize, without the codes in between.
///
///   y = (clamp(round(x * (1 / s)) + z, qmin, qmax) - z) * s        (x / s where ScaleApplication says divide)
///
/// Shapes    x, y (rows, cols); p as calibrate gives it. May alias: x == y.
/// Valid     as quantize: x NaN gives the level of z, which is 0; x infinite that of qmin or qmax; s NaN gives NaN.
/// Error     |y - x| <= s / 2 + |x| 2^-22 for x inside the range under a rounding to nearest; exact on levels.
/// Ties      as quantize.
/// Gradient  fake_quantize_backward.
/// Throws    as quantize.
/// Cost      one read and one write an element; no allocation. A large y that is not x is written around the caches.
/// Backends  scalar (oracle), simd: bit-identical, and bit-identical to dequantize(quantize(x)).
/// Source    Jacob et al. 2018, eq. (12).
template <quantizer_like Q, execution E, readable_matrix<float> X, parameters_of_quantizer<Q> P,
          writable_matrix<float> Y>
void fake_quantize(const E& e, const X& x, const P& p, Y&& y, random_key key = {}) {
  core::check_float_environment("fake_quantize");
  const matrix_view<const float> view = as_view(x);
  const matrix_view<float> out = as_view(y);
  const parameters_view<Q> params = detail::view_of<Q>(p);
  detail::check_same_shape(view, out);
  detail::check_parameters<Q>(params, view.rows, view.cols);
  if (detail::columns_are_contiguous(view) || detail::columns_are_contiguous(out)) {
    const auto encode = [&](const float* from, float* to, std::size_t n,
                            const detail::group_operands& g, std::uint64_t index) {
      detail::runs_for<Q, E>::template fake_quantize<false, false>(from, to, n, g, key, index);
    };
    return detail::map_strips<Q>(e, view, out, params, encode);
  }
  detail::fake_quantize_groups<Q>(
      e, view, out, key, [&](std::size_t, std::size_t at, std::size_t, std::size_t) {
        return detail::group_source{detail::read_parameters<Q>(params, at), false};
      });
}

template <quantizer_like Q, readable_matrix<float> X, parameters_of_quantizer<Q> P,
          writable_matrix<float> Y, class Arch = core::default_arch>
void fake_quantize(const X& x, const P& p, Y&& y, random_key key = {}) {
  fake_quantize<Q>(simd<Arch>{}, x, p, y, key);
}

/// Measures and fake-quantizes each group while it is in the cache: what a forward pass runs.
///
/// Shapes    as calibrate and fake_quantize. May alias: x == y.
/// Valid     any floats; a group that is not finite gives NaN throughout.
/// Error     none beyond the two calls, whose bits it has.
/// Throws    as calibrate and fake_quantize.
/// Cost      one read from memory and one write an element; no allocation. per_tensor, or columns contiguous in
///           memory: two reads.
template <quantizer_like Q, execution E, readable_matrix<float> X, writable_matrix<float> Y>
void calibrate_fake_quantize(const E& e, const X& x, const parameters_span<Q>& p, Y&& y,
                             random_key key = {}) {
  core::check_float_environment("calibrate_fake_quantize");
  const matrix_view<const float> view = as_view(x);
  const matrix_view<float> out = as_view(y);
  detail::check_same_shape(view, out);
  detail::check_parameter_shape<Q>(p, view.rows, view.cols);
  if (detail::columns_are_contiguous(view) || detail::columns_are_contiguous(out)) {
    calibrate<Q>(e, view, p);
    return fake_quantize<Q>(e, view, p, out, key);
  }
  using runs = detail::runs_for<Q, E>;
  if constexpr (detail::rows_are_groups<Q>) {
    if (view.cols != 0 && detail::rows_are_contiguous(view) && detail::rows_are_contiguous(out))
      return detail::fake_quantize_rows<Q>(e, view, out, p, key);
  }
  if constexpr (Q::granularity::whole_tensor)
    detail::write_parameters<Q>(p, 0, detail::measure_tensor<Q, runs>(e, view));
  detail::fake_quantize_groups<Q>(
      e, view, out, key, [&](std::size_t r, std::size_t at, std::size_t begin, std::size_t count) {
        const detail::group_parameters fresh =
            detail::measure_and_write<Q, runs>(view, r, begin, count, p, at);
        return detail::group_source{fresh, detail::is_fresh<Q>(fresh)};
      });
}

template <quantizer_like Q, readable_matrix<float> X, writable_matrix<float> Y,
          class Arch = core::default_arch>
void calibrate_fake_quantize(const X& x, const parameters_span<Q>& p, Y&& y, random_key key = {}) {
  calibrate_fake_quantize<Q>(simd<Arch>{}, x, p, y, key);
}

}  // namespace qat
