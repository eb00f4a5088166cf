#pragma once

#include <qat/core/rows.hpp>
#include <qat/quant/quantize.hpp>

#include <cmath>
#include <span>

/// \file
/// The input of a linear layer from the residual stream: normalization and quantization of a row while it is in the cache.

namespace qat {

/// A quantizer whose groups lie within a row.
template <class Q>
concept quantizes_within_rows = quantizer_like<Q> && !Q::granularity::whole_tensor;

namespace detail {

/// The row arithmetic of RMSNorm on one backend.
template <class Backend>
struct rms_norm_row;

template <>
struct rms_norm_row<scalar> {
  static float sum_of_squares(const float* x, std::size_t n) {
    return core::oracle::sum_of_squares(x, n);
  }
  static void normalize(const float* x, const float* gain, float inverse_rms, float* y,
                        std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) y[i] = x[i] * inverse_rms * gain[i];
  }
};

template <class Arch>
struct rms_norm_row<simd<Arch>> {
  static float sum_of_squares(const float* x, std::size_t n) {
    return core::sum_of_squares<Arch>(x, n);
  }
  static void normalize(const float* x, const float* gain, float inverse_rms, float* y,
                        std::size_t n) {
    using batch = core::float_batch<Arch>;
    const batch factor(inverse_rms);
    std::size_t i = 0;
    for (; i + batch::size <= n; i += batch::size) {
      const batch value = batch::load_unaligned(x + i) * factor * batch::load_unaligned(gain + i);
      value.store_unaligned(y + i);
    }
    rms_norm_row<scalar>::normalize(x + i, gain + i, inverse_rms, y + i, n - i);
  }
};

/// 1 / sqrt(sum / n + epsilon).
[[nodiscard]] inline float inverse_rms(float sum_of_squares, std::size_t n, float epsilon) {
  return 1.0f / std::sqrt(sum_of_squares / static_cast<float>(n) + epsilon);
}

/// f(from, offset, count) for the normalized elements [begin, begin + count) of a row, piece by piece.
template <class Row, class F>
void normalized_pieces(const float* x, const float* gain, float inverse_rms, std::size_t begin,
                       std::size_t count, F&& f) {
  float buffer[piece_elements];
  for (std::size_t done = 0; done < count; done += piece_elements) {
    const std::size_t n = std::min(piece_elements, count - done);
    Row::normalize(x + begin + done, gain + begin + done, inverse_rms, buffer, n);
    f(static_cast<const float*>(buffer), done, n);
  }
}

}  // namespace detail

/// Normalizes each row and quantizes the result, which is never stored.
///
///   y = x * (1 / sqrt(sum_i x_i^2 / cols + epsilon)) * gain,   p and codes = calibrate_quantize(y)
///
/// Shapes    x, codes (rows, cols) with contiguous rows of x; gain (cols); p as calibrate gives it. Q groups within rows.
/// Valid     epsilon >= 0; cols < 2^24. A row with NaN or infinity, or whose squares overflow, gets s = NaN where y is not
///           finite.
/// Error     the sum by 64 lanes of fma chains (core::sum_of_squares), then one rounding an operation in the order written.
/// Throws    ContractViolation if shapes disagree, rows of x are not contiguous or the floating-point environment was changed.
/// Cost      one read from memory and one byte written an element, y computed twice; no allocation, 2 KiB of stack.
/// Backends  scalar (oracle), simd: bit-identical.
/// Source    Zhang and Sennrich 2019 (arXiv 1910.07467), eq. (4), with epsilon as LLaMA places it.
template <quantizes_within_rows Q, execution E, readable_matrix<float> X,
          writable_matrix<typename Q::code_type> C>
void rms_norm_quantize(const E& e, const X& x, std::span<const float> gain, float epsilon,
                       const parameters_span<Q>& p, C&& codes, random_key key = {}) {
  core::check_float_environment("rms_norm_quantize");
  const matrix_view<const float> view = as_view(x);
  const auto out = as_view(codes);
  detail::check_same_shape(view, out);
  detail::check_parameter_shape<Q>(p, view.rows, view.cols);
  QAT_EXPECTS(gain.size() == view.cols,
              std::to_string(gain.size()) + " gains for rows of " + std::to_string(view.cols));
  QAT_EXPECTS(detail::rows_are_contiguous(view),
              "a column stride of " + std::to_string(view.col_stride));
  using runs = detail::runs_for<Q, E>;
  using row = detail::rms_norm_row<typename detail::execution_traits<E>::backend_type>;
  const std::size_t per_row = groups_per_row<Q>(view.cols);
  const auto encode_rows = [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r) {
      const float* const from = view.row(r);
      const float factor =
          detail::inverse_rms(row::sum_of_squares(from, view.cols), view.cols, epsilon);
      detail::for_each_group<Q>(
          view.cols, [&](std::size_t group, std::size_t begin, std::size_t count) {
            detail::running_statistics s;
            detail::normalized_pieces<row>(
                from, gain.data(), factor, begin, count,
                [&](const float* y, std::size_t, std::size_t n) { runs::measure(y, n, s); });
            const auto fresh = detail::fresh_parameters<Q>(s);
            detail::write_parameters<Q>(p, r * per_row + group, fresh);
            const auto g = detail::operands_of<Q>(fresh);
            detail::normalized_pieces<row>(
                from, gain.data(), factor, begin, count,
                [&](const float* y, std::size_t offset, std::size_t n) {
                  const std::uint64_t index = std::uint64_t{r} * view.cols + begin + offset;
                  detail::map_pieces(
                      matrix_view<const float>(y, 1, n),
                      matrix_view<typename Q::code_type>(
                          out.row(r) + static_cast<std::ptrdiff_t>(begin + offset) * out.col_stride,
                          1, n, 0, out.col_stride),
                      0, 0, n,
                      [&](const float* value, typename Q::code_type* to, std::size_t at,
                          std::size_t some) {
                        runs::template quantize<false>(value, to, some, g, key, index + at);
                      });
                });
          });
    }
  };
  detail::execution_traits<E>::run(e, view.rows, detail::rows_of_block(view.cols), encode_rows);
}

template <quantizes_within_rows Q, readable_matrix<float> X,
          writable_matrix<typename Q::code_type> C, class Arch = core::default_arch>
void rms_norm_quantize(const X& x, std::span<const float> gain, float epsilon,
                       const parameters_span<Q>& p, C&& codes, random_key key = {}) {
  rms_norm_quantize<Q>(simd<Arch>{}, x, gain, epsilon, p, codes, key);
}

}  // namespace qat
