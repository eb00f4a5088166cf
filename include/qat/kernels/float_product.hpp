#pragma once

#include <qat/core/contracts.hpp>
#include <qat/core/float_environment.hpp>
#include <qat/kernels/float_panels.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <type_traits>

/// \file
/// The one fp32 product: what could not run on integers.

namespace qat {

/// Whether a product begins at zero or at what y holds.
enum class product_start { zero, from_y };

namespace detail {

inline constexpr std::size_t float_block_rows = 48;   // a multiple of every tile
inline constexpr std::size_t float_block_panels = 4;  // columns of a task, where there are few rows
inline constexpr std::size_t float_block_depth = 256;  // rows * depth: 48 KiB on the stack

/// x(row .. row + Rows, k .. k + depth) interleaved.
template <std::size_t Rows, class T>
void interleave_rows(const matrix_view<const T>& x, std::size_t row, std::size_t k,
                     std::size_t depth, T* to) {
  if (x.row_stride == 1) {  // a transposed matrix: neighbours already
    const T* from = x.row(row) + static_cast<std::ptrdiff_t>(k) * x.col_stride;
    for (std::size_t i = 0; i < depth; ++i, from += x.col_stride)
      for (std::size_t r = 0; r < Rows; ++r) to[i * Rows + r] = from[r];
    return;
  }
  for (std::size_t r = 0; r < Rows; ++r) {
    const T* const from = x.row(row + r) + static_cast<std::ptrdiff_t>(k) * x.col_stride;
    for (std::size_t i = 0; i < depth; ++i)
      to[i * Rows + r] = from[static_cast<std::ptrdiff_t>(i) * x.col_stride];
  }
}

/// f(row, constant Rows) for the rows [0, rows) in tiles of the full height, then of 4, of 2 and of 1.
template <class Arch, class F>
void for_each_tile(std::size_t rows, F&& f) {
  constexpr std::size_t height = tile_rows<Arch>;
  std::size_t r = 0;
  for (; r + height <= rows; r += height) f(r, std::integral_constant<std::size_t, height>{});
  for (; r + 4 <= rows; r += 4) f(r, std::integral_constant<std::size_t, 4>{});
  for (; r + 2 <= rows; r += 2) f(r, std::integral_constant<std::size_t, 2>{});
  if (r < rows) f(r, std::integral_constant<std::size_t, 1>{});
}

/// One tile of rows by the first `count` columns of a panel.
template <std::size_t Rows, tile_layout Layout, class T, class Arch>
void float_panel_tile(const T* a, std::ptrdiff_t a_stride, const T* panel, std::size_t depth,
                      T* out, std::ptrdiff_t out_stride, std::size_t count, bool continues) {
  if (count == panel_cols)
    return float_tile<Rows, Layout, Arch>(a, a_stride, panel, panel_cols, depth, out, out_stride,
                                          continues);
  T edge[Rows * panel_cols] = {};
  for (std::size_t i = 0; continues && i < Rows; ++i)
    std::copy_n(out + static_cast<std::ptrdiff_t>(i) * out_stride, count, edge + i * panel_cols);
  float_tile<Rows, Layout, Arch>(a, a_stride, panel, panel_cols, depth, edge, panel_cols,
                                 continues);
  for (std::size_t i = 0; i < Rows; ++i)
    std::copy_n(edge + i * panel_cols, count, out + static_cast<std::ptrdiff_t>(i) * out_stride);
}

/// One block of rows by the panels [first, last): contiguous rows of x are read where they lie, others are interleaved.
template <class T, class Arch>
void float_block(const matrix_view<const T>& x, const float_panels<T>& b, const matrix_view<T>& y,
                 std::size_t row, std::size_t rows, std::size_t first, std::size_t last,
                 bool from_y) {
  alignas(64) std::array<T, float_block_rows * float_block_depth> left;
  const bool contiguous = x.col_stride == 1;
  for (std::size_t k = 0; k == 0 || k < b.depth; k += float_block_depth) {
    const std::size_t depth = std::min(float_block_depth, b.depth - k);
    const bool continues = from_y || k != 0;
    if (!contiguous)
      for_each_tile<Arch>(rows, [&](std::size_t r, auto height) {
        interleave_rows<height.value>(x, row + r, k, depth, left.data() + r * depth);
      });
    std::size_t p = first;
    // A row alone waits for memory: two panels are two streams.
    if constexpr (std::is_same_v<T, float>)
      for (; rows == 1 && contiguous && (p + 2) * panel_cols <= b.rows && p + 2 <= last; p += 2)
        float_tile<1, tile_layout::rows, Arch, 2>(
            x.row(row) + k, 0, b.data + p * b.stride + k * panel_cols, panel_cols, depth,
            y.row(row) + p * panel_cols, 0, continues, static_cast<std::ptrdiff_t>(b.stride));
    for (; p < last; ++p) {
      const T* const panel = b.data + p * b.stride + k * panel_cols;
      const std::size_t column = p * panel_cols;
      const std::size_t count = std::min(panel_cols, b.rows - column);
      for_each_tile<Arch>(rows, [&](std::size_t r, auto height) {
        T* const out = y.row(row + r) + column;
        if (contiguous)
          float_panel_tile<height.value, tile_layout::rows, T, Arch>(
              x.row(row + r) + k, x.row_stride, panel, depth, out, y.row_stride, count, continues);
        else
          float_panel_tile<height.value, tile_layout::interleaved, T, Arch>(
              left.data() + r * depth, 0, panel, depth, out, y.row_stride, count, continues);
      });
    }
  }
}

}  // namespace detail

/// y = x b^T, or y += x b^T: the linear layer in full precision and the gradients of every layer.
///
///   y(m, n) = fma(x(m, K-1), b(n, K-1), ... fma(x(m, 1), b(n, 1), fma(x(m, 0), b(n, 0), start)) ...)
///
/// One chain over ascending k for each output, so the result for a row does not depend on how many rows are computed with
/// it, nor on blocks, threads or the instruction set; a product over k in two calls, the second from_y, is the product in
/// one.
///
/// Shapes    x (M, K) of any strides; b (N, K) as panels; y (M, N) with contiguous rows, not overlapping x. K = 0 gives
///           the start.
/// Valid     all floats.
/// Error     |y - exact| <= K 2^-24 sum_k |x b|, to first order. T = double: for gradient checks, no bits promised.
/// Throws    ContractViolation if shapes disagree, rows of y have gaps or the floating-point environment was changed.
/// Cost      M N K multiply-adds, 48 KiB of stack a task (twice that in double); no allocation.
/// Source    architecture.md, section 4.
template <class T, core::executor Executor, class Arch = core::default_arch>
void float_product(Executor&& executor, const matrix_view<const T>& x,
                   const std::type_identity_t<float_panels<T>>& b,
                   const std::type_identity_t<matrix_view<T>>& y,
                   product_start start = product_start::zero) {
  core::check_float_environment("float_product");
  QAT_EXPECTS(x.cols == b.depth && y.rows == x.rows && y.cols == b.rows,
              detail::shape_of(x) + " times panels of " + std::to_string(b.rows) + "x" +
                  std::to_string(b.depth) + " into " + detail::shape_of(y));
  QAT_EXPECTS(y.col_stride == 1, "a column stride of " + std::to_string(y.col_stride) + " of y");
  const std::size_t panels = detail::ceil_divide(b.rows, detail::panel_cols);
  const std::size_t down = detail::ceil_divide(x.rows, detail::float_block_rows);
  const std::size_t width = detail::float_block_panels * (down < 8 ? 1 : 4);
  const std::size_t across = detail::ceil_divide(panels, width);
  core::parallel_for(executor, across * down, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t row = i % down * detail::float_block_rows;
      const std::size_t first = i / down * width;
      detail::float_block<T, Arch>(x, b, y, row, std::min(detail::float_block_rows, x.rows - row),
                                   first, std::min(panels, first + width),
                                   start == product_start::from_y);
    }
  });
}

}  // namespace qat
