#pragma once

#include <qat/core/contracts.hpp>
#include <qat/core/float_environment.hpp>
#include <qat/core/matrix_view.hpp>
#include <qat/core/parallel_for.hpp>
#include <qat/kernels/detail/product_avx2.hpp>
#include <qat/kernels/detail/product_avx512_vnni.hpp>
#include <qat/kernels/detail/product_driver.hpp>
#include <qat/kernels/detail/product_job.hpp>
#include <qat/kernels/detail/product_scalar.hpp>
#include <qat/kernels/packed_weights.hpp>
#include <qat/quant/quantizer.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

/// \file
/// Products of activation codes and weight codes: exact integer sums, scaled to float in one defined order.

namespace qat {

/// An implementation of the products of codes. All give the same bits.
enum class product_path {
  scalar,       ///< plain C++: the oracle, on every machine
  avx2,         ///< AVX2 and FMA
  avx512_vnni,  ///< AVX-512 F, BW, VL, DQ and VNNI
  amx_int8,     ///< the seam of a later path: never available yet
};

/// "scalar", "avx2", "avx512_vnni" or "amx_int8".
[[nodiscard]] constexpr const char* to_string(product_path path) {
  switch (path) {
    case product_path::scalar:
      return "scalar";
    case product_path::avx2:
      return "avx2";
    case product_path::avx512_vnni:
      return "avx512_vnni";
    case product_path::amx_int8:
      return "amx_int8";
  }
  return "unknown";
}

namespace detail {

/// Slowest first: each of these needs what the ones before it need.
inline constexpr std::array product_paths{product_path::scalar, product_path::avx2,
                                          product_path::avx512_vnni};

}  // namespace detail

/// The paths that this CPU and its operating system can run, slowest first; never empty. Asks the CPU, keeps no state.
[[nodiscard]] inline std::span<const product_path> available_product_paths() {
  std::size_t count = 1;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    count = 2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vnni"))
      count = 3;
  }
#endif
  return std::span(detail::product_paths).first(count);
}

/// The last of available_product_paths().
[[nodiscard]] inline product_path best_product_path() {
  return available_product_paths().back();
}

/// The largest number of terms of which an int32 holds every sum: the limit on K (per channel) or on a group.
///
///   floor((2^31 - 1) / (max|code of x| * max|code of w|))
///
/// Error   exact. 131,071 for two full 8-bit ranges, 132,104 where one of them stays within +-127, 133,144 where both do.
template <product_activation X, product_weight W>
[[nodiscard]] constexpr std::size_t max_exact_depth() {
  constexpr auto largest = [](int low, int high) {
    return static_cast<std::size_t>(-low > high ? -low : high);
  };
  return std::size_t{2147483647} / (largest(X::qmin, X::qmax) * largest(W::qmin, W::qmax));
}

namespace detail {

/// Computes one rectangle on one path.
template <int Bits, scale_mode Mode>
void run_rectangle(const product_job& job, const product_rectangle& part, product_path path) {
#if defined(__x86_64__)
  if (path == product_path::avx512_vnni)
    return ProductDriver<avx512_vnni_kernels, Bits, Mode>(job, part).run();
  if (path == product_path::avx2) return ProductDriver<avx2_kernels, Bits, Mode>(job, part).run();
#endif
  static_cast<void>(path);
  product_scalar<Bits, Mode>(job, part);
}

/// Divides y into its fixed rectangles and runs them.
template <int Bits, scale_mode Mode, core::executor Executor>
void run_product(const product_job& job, product_path path, Executor& executor) {
  const std::size_t across = ceil_divide(job.columns, rectangle_columns);
  const std::size_t down = ceil_divide(job.rows, rectangle_rows);
  core::parallel_for(executor, across * down, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      product_rectangle part;
      part.row = i % down * rectangle_rows;  // rows first: they share the columns' weights
      part.rows = job.rows - part.row < rectangle_rows ? job.rows - part.row : rectangle_rows;
      part.column = i / down * rectangle_columns;
      part.columns = job.columns - part.column < rectangle_columns ? job.columns - part.column
                                                                   : rectangle_columns;
      run_rectangle<Bits, Mode>(job, part, path);
    }
  });
}

/// y = 0 * sx: no term, hence no scale of a weight.
inline void write_empty_sums(const product_job& job) {
  for (std::size_t m = 0; m < job.rows; ++m)
    for (std::size_t n = 0; n < job.columns; ++n)
      job.y[static_cast<std::ptrdiff_t>(m) * job.y_stride + static_cast<std::ptrdiff_t>(n)] =
          0.0f * job.x_scales[m];
}

/// The columns of a row that is stored without gaps.
template <class T>
[[nodiscard]] constexpr bool has_contiguous_rows(const matrix_view<T>& m) {
  return m.col_stride == 1 || m.cols <= 1 || m.rows == 0;
}

}  // namespace detail

/// Multiplies activation codes by weight codes, exactly, and scales the sums: the linear layer that trains and ships.
///
///   acc(m, n) = sum over k of x(m, k) * w(n, k)                                     exact, in int32
///   y(m, n)   = float(acc) * (sx[m] * sw[n])                                        per channel or tensor; sx * sw rounded once
///   a = fma(float(acc_g), sw[n, g], a) for g ascending from a = 0, y(m, n) = a * sx[m]     per group
///
/// Shapes    x (M, K) int8 codes of X, sx (M), weights (N, K), y (M, N). Rows of x and y may have any stride and alignment;
///           within a row elements are adjacent. y must not overlap x. M = 0 and N = 0 do nothing; K = 0 gives y = 0 * sx.
/// Valid     codes of x within X::qmin..X::qmax (not checked); any scales: NaN and infinities spread as float arithmetic says.
/// Error     the sums are exact; at most three roundings per channel (sum, scale, product), one a group and two more per group.
/// Throws    ContractViolation if shapes disagree, if a row is not contiguous, if K (per channel) or a group is longer than
///           max_exact_depth<X, W>(), if this CPU cannot run `path`, or if the float environment is not the default one.
/// Cost      M N K multiply-adds; no allocation, at most 34 KiB of stack. Weights are read once for every 128 rows.
/// Backends  scalar (oracle), avx2, avx512_vnni: bit-identical for any path, executor and grouping of rows into calls.
/// Source    architecture.md, section 4.
template <product_activation X, product_weight W, readable_matrix<std::int8_t> Codes,
          writable_matrix<float> Out, core::executor Executor>
void code_product(const Codes& x, std::span<const float> x_scales, const PackedWeights<W>& weights,
                  Out&& y, product_path path, Executor&& executor) {
  core::check_float_environment("code_product");
  const matrix_view<const std::int8_t> codes = as_view(x);
  const matrix_view<float> out = as_view(y);
  const auto count = [](std::size_t n) { return std::to_string(n); };
  QAT_EXPECTS(codes.cols == weights.cols(), "x " + detail::shape_of(codes) + " and weights " +
                                                count(weights.rows()) + "x" +
                                                count(weights.cols()));
  QAT_EXPECTS(x_scales.size() == codes.rows,
              count(x_scales.size()) + " scales for " + count(codes.rows) + " rows");
  QAT_EXPECTS(out.rows == codes.rows && out.cols == weights.rows(),
              "y " + detail::shape_of(out) + " where " + count(codes.rows) + "x" +
                  count(weights.rows()) + " is needed");
  QAT_EXPECTS(detail::has_contiguous_rows(codes) && detail::has_contiguous_rows(out),
              "column strides " + std::to_string(codes.col_stride) + " of x and " +
                  std::to_string(out.col_stride) + " of y");
  const detail::piece_shape& shape = weights.shape();
  QAT_EXPECTS(shape.group_depth <= (max_exact_depth<X, W>()),
              "sums of " + count(shape.group_depth) + " products where an int32 holds " +
                  count(max_exact_depth<X, W>()));
  const std::span<const product_path> paths = available_product_paths();
  QAT_EXPECTS(
      static_cast<std::size_t>(path) < paths.size(),
      std::string(to_string(path)) + " on a CPU whose best path is " + to_string(paths.back()));

  const detail::product_job job{
      .rows = codes.rows,
      .columns = weights.rows(),
      .shape = shape,
      .x = codes.data,
      .x_stride = codes.row_stride,
      .x_scales = x_scales.data(),
      .pieces = weights.pieces().data(),
      .scales = weights.scales().data(),
      .y = out.data,
      .y_stride = out.row_stride,
  };
  if (shape.depth == 0)
    detail::write_empty_sums(job);
  else
    detail::run_product<W::bit_width, PackedWeights<W>::mode>(job, path, executor);
}

/// In the caller's thread.
template <product_activation X, product_weight W, readable_matrix<std::int8_t> Codes,
          writable_matrix<float> Out>
void code_product(const Codes& x, std::span<const float> x_scales, const PackedWeights<W>& weights,
                  Out&& y, product_path path = best_product_path()) {
  code_product<X>(x, x_scales, weights, y, path, core::serial_executor{});
}

}  // namespace qat
