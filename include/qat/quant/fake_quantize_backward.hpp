#pragma once

#include <qat/quant/gradient_mask.hpp>
#include <qat/quant/quantize.hpp>

/// \file
/// The gradient of fake quantization by the straight-through estimator.

namespace qat {

/// Turns the gradient of y into that of x, in place, by the mask that the forward pass stored.
///
///   dx = mask ? dy : 0
///
/// What through_scale adds to it is add_scale_gradient's.
///
/// Shapes    gradient (rows, cols); mask of mask_words(rows, cols) words.
/// Valid     any floats; where the mask is set nothing is changed, NaN included.
/// Error     exact.
/// Throws    ContractViolation if the mask has another size.
/// Cost      one bit read an element; only registers with an element to clear are read and written; no allocation.
/// Backends  scalar (oracle), simd: bit-identical.
/// Source    Bengio et al. 2013 (arXiv 1308.3432).
template <quantizer_like Q, execution E, writable_matrix<float> G>
void fake_quantize_backward(const E& e, std::span<const std::uint64_t> mask, G&& gradient) {
  const matrix_view<float> view = as_view(gradient);
  detail::check_mask_size(mask.size(), view.rows, view.cols);
  using runs = detail::runs_for<Q, E>;
  const std::size_t words = mask_words_per_row(view.cols);
  const bool contiguous = detail::rows_are_contiguous(view);
  const auto keep_rows = [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r)
      for (std::size_t word = 0; word < words; ++word) {
        const std::size_t begin = word * 64;
        const std::size_t n = std::min(std::size_t{64}, view.cols - begin);
        const std::uint64_t bits = mask[r * words + word];
        if (contiguous) {
          if (bits != ~std::uint64_t{0}) runs::keep(view.row(r) + begin, n, bits);
        } else {
          for (std::size_t i = 0; i < n; ++i)
            if (((bits >> i) & 1u) == 0) view(r, begin + i) = 0.0f;
        }
      }
  };
  detail::execution_traits<E>::run(e, view.rows, detail::rows_of_block(view.cols), keep_rows);
}

template <quantizer_like Q, writable_matrix<float> G, class Arch = core::default_arch>
void fake_quantize_backward(std::span<const std::uint64_t> mask, G&& gradient) {
  fake_quantize_backward<Q>(simd<Arch>{}, mask, gradient);
}

/// The same from the input and its parameters, where no mask was stored.
///
///   dx = Gradient::passes(x, units, qmin - z, qmax - z) ? dy : 0
///
/// Shapes    x, dy, dx (rows, cols); p as calibrate gives it. May alias: dy == dx.
/// Valid     as quantize.
/// Error     exact.
/// Throws    as quantize.
/// Cost      two reads and one write an element; no allocation.
template <quantizer_like Q, execution E, readable_matrix<float> X, parameters_of_quantizer<Q> P,
          readable_matrix<float> DY, writable_matrix<float> DX>
void fake_quantize_backward(const E& e, const X& x, const P& p, const DY& dy, DX&& dx) {
  core::check_float_environment("fake_quantize_backward");
  const matrix_view<const float> view = as_view(x);
  const matrix_view<const float> in = as_view(dy);
  const matrix_view<float> out = as_view(dx);
  const parameters_view<Q> params = detail::view_of<Q>(p);
  detail::check_same_shape(view, in);
  detail::check_same_shape(view, out);
  detail::check_parameters<Q>(params, view.rows, view.cols);
  using runs = detail::runs_for<Q, E>;
  const auto backward = [&](std::size_t r, std::size_t at, std::size_t begin, std::size_t count) {
    const auto g = detail::operands_of<Q>(detail::read_parameters<Q>(params, at));
    detail::map_pieces(
        in, out, r, begin, count,
        [&](const float* from, float* to, std::size_t offset, std::size_t n) {
          if (from != to) std::copy_n(from, n, to);
          const std::size_t start = begin + offset;
          detail::read_pieces(
              view, r, start, n,
              [&](const float* value, std::size_t at_value, std::size_t count_values) {
                for (std::size_t i = 0; i < count_values; i += 64) {
                  const std::size_t some = std::min(std::size_t{64}, count_values - i);
                  runs::keep(to + at_value + i, some, runs::gradient_mask(value + i, some, g));
                }
              });
        });
  };
  detail::for_all_groups<Q>(e, view.rows, view.cols, backward);
}

template <quantizer_like Q, readable_matrix<float> X, parameters_of_quantizer<Q> P,
          readable_matrix<float> DY, writable_matrix<float> DX, class Arch = core::default_arch>
void fake_quantize_backward(const X& x, const P& p, const DY& dy, DX&& dx) {
  fake_quantize_backward<Q>(simd<Arch>{}, x, p, dy, dx);
}

}  // namespace qat
