#pragma once

#include <qat/core/matrix_view.hpp>
#include <qat/core/parallel_for.hpp>
#include <qat/kernels/detail/float_tile.hpp>
#include <qat/kernels/detail/product_layout.hpp>

#include <algorithm>
#include <cstddef>

/// \file
/// The right operand of an fp32 product in the order in which it is read.

namespace qat {

/// The matrix b (N, K) of a product x b^T as panels. Borrows its memory.
///
/// Layout  Rows n in panels of 32; a panel is K times 32 numbers: b(32 p + c, k) at p stride + 32 k + c, 0 behind N.
template <class T>
struct float_panels {
  const T* data = nullptr;
  std::size_t rows = 0;                             ///< N
  std::size_t depth = 0;                            ///< K
  std::size_t stride = depth * detail::panel_cols;  ///< elements from one panel to the next

  /// The columns [first, first + count) of b.
  ///
  /// Valid  first + count <= depth (not checked).
  [[nodiscard]] float_panels cols_from(std::size_t first, std::size_t count) const {
    return {data + first * detail::panel_cols, rows, count, stride};
  }
};

/// n rounded up to whole panels of 32.
[[nodiscard]] constexpr std::size_t padded_to_panel(std::size_t n) {
  return detail::ceil_divide(n, detail::panel_cols) * detail::panel_cols;
}

/// Elements that pack_panels writes: 32 ceil(rows / 32) depth.
[[nodiscard]] constexpr std::size_t panel_elements(std::size_t rows, std::size_t depth) {
  return padded_to_panel(rows) * depth;
}

/// Writes the panels of b to `storage`.
///
/// Shapes  b (N, K) of any strides, a transposed matrix included; storage panel_elements(N, K), on a 64-byte boundary for
///         speed.
/// Error   exact.
/// Cost    one read and one write an element.
template <class T, core::executor Executor>
float_panels<std::remove_const_t<T>> pack_panels(Executor&& executor, const matrix_view<T>& b,
                                                 std::remove_const_t<T>* storage) {
  constexpr std::size_t width = detail::panel_cols;
  constexpr std::size_t step = 16;  // k at a time: a cache line of each row
  core::parallel_for(
      executor, detail::ceil_divide(b.rows, width), 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t p = begin; p < end; ++p) {
          auto* const to = storage + p * width * b.cols;
          const std::size_t count = std::min(width, b.rows - p * width);
          for (std::size_t k0 = 0; k0 < b.cols; k0 += step) {
            const std::size_t k1 = std::min(b.cols, k0 + step);
            for (std::size_t c = 0; c < count; ++c) {
              const T* const row = b.row(p * width + c);
              for (std::size_t k = k0; k < k1; ++k)
                to[k * width + c] = row[static_cast<std::ptrdiff_t>(k) * b.col_stride];
            }
            for (std::size_t k = k0; k < k1; ++k)
              std::fill(to + k * width + count, to + (k + 1) * width, std::remove_const_t<T>{});
          }
        }
      });
  return {storage, b.rows, b.cols};
}

}  // namespace qat
