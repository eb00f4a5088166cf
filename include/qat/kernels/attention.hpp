#pragma once

#include <qat/core/matrix_view.hpp>
#include <qat/kernels/arithmetic.hpp>
#include <qat/kernels/detail/float_tile.hpp>
#include <qat/kernels/float_product.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>

/// \file
/// Causal attention of one head. Training, prefill and decoding call this function, over memory that they fill.

namespace qat {

/// Keys and values of the positions 0, 1, ... of one document and one key head. Borrows its memory.
///
/// keys    panels of pack_panels: key j, element d at (j / 32 * D + d) * 32 + j % 32.
/// values  rows of padded_to_panel(D): value j, element d at j * padded_to_panel(D) + d, 0 behind D.
template <class T>
struct attention_memory {
  const T* keys = nullptr;
  const T* values = nullptr;
};

/// Elements of the keys of an attention_memory of `positions` heads of D, and of its values.
[[nodiscard]] constexpr std::size_t attention_keys(std::size_t positions, std::size_t head_size) {
  return panel_elements(positions, head_size);
}
[[nodiscard]] constexpr std::size_t attention_values(std::size_t positions, std::size_t head_size) {
  return positions * padded_to_panel(head_size);
}

/// Writes the keys of an attention_memory.
///
/// Shapes  k (positions, D); keys attention_keys(positions, D).
template <class T>
void fill_attention_keys(const matrix_view<const T>& k, T* keys) {
  pack_panels(core::serial_executor{}, k, keys);
}

/// Writes key j of an attention_memory, as fill_attention_keys does.
template <class T>
void set_attention_key(const T* key, std::size_t head_size, std::size_t j, T* keys) {
  constexpr std::size_t width = detail::panel_cols;
  T* const to = keys + attention_keys(j / width * width, head_size) + j % width;
  for (std::size_t d = 0; d < head_size; ++d) to[d * width] = key[d];
}

/// Writes the values of an attention_memory.
///
/// Shapes  v (positions, D) with contiguous rows; values attention_values(positions, D).
template <class T>
void fill_attention_values(const matrix_view<const T>& v, T* values) {
  const std::size_t padded = padded_to_panel(v.cols);
  for (std::size_t j = 0; j < v.rows; ++j) {
    std::copy_n(v.row(j), v.cols, values + j * padded);
    std::fill(values + j * padded + v.cols, values + (j + 1) * padded, T{0});
  }
}

/// 1 / sqrt(D): a root and a quotient, both rounded.
template <class T>
[[nodiscard]] T attention_scale(std::size_t head_size) {
  return T{1} / std::sqrt(static_cast<T>(head_size));
}

/// Elements of scratch that attend needs for queries up to position last - 1 of heads of D.
template <class Arch = core::default_arch>
[[nodiscard]] constexpr std::size_t attention_scratch(std::size_t last, std::size_t head_size) {
  return detail::tile_rows<Arch> * (padded_to_panel(last) + padded_to_panel(head_size));
}

/// Turns scores into weights: s <- exp(scale s - max), returns 1 / sum.
///
///   max over all n, sum by 64 lanes from the first element on
template <class T, class Arch = core::default_arch>
T softmax_weights(T* scores, std::size_t n, T scale) {
  using row = arithmetic::rows<T, Arch>;
  using V = typename row::lanes;
  row::map(
      n, scores, [&](V s) { return arithmetic::product(s, V(scale)); }, scores);
  const T maximum = row::maximum(scores, n);
  row::map(
      n, scores, [&](V s) { return arithmetic::exp(V(s - V(maximum))); }, scores);
  return row::sum(scores, n);
}

namespace detail {

/// Rows row .. row + Rows - 1 of attend: row + r at position first + r step.
template <std::size_t Rows, class T, class Arch>
void attend_tile(const matrix_view<const T>& q, std::size_t first, std::size_t step,
                 const attention_memory<T>& memory, T scale, const matrix_view<T>& out,
                 std::size_t row, T* scratch) {
  const std::size_t width = q.cols;
  const std::size_t padded = padded_to_panel(width);
  const std::size_t last = first + (Rows - 1) * step + 1;  // keys that the last row sees
  const auto stride = static_cast<std::ptrdiff_t>(padded_to_panel(last));
  T* const scores = scratch;                                          // (Rows, last)
  T* const sums = scratch + Rows * static_cast<std::size_t>(stride);  // (Rows, padded)
  for (std::size_t j = 0; j < last; j += panel_cols)
    float_tile<Rows, tile_layout::rows, Arch>(q.row(row), q.row_stride, memory.keys + j * width,
                                              panel_cols, width, scores + j, stride, false);
  T totals[Rows];
  for (std::size_t r = 0; r < Rows; ++r)
    totals[r] = softmax_weights<T, Arch>(scores + static_cast<std::ptrdiff_t>(r) * stride,
                                         first + r * step + 1, scale);
  // The keys that all rows see in one tile, then those behind for each row that sees them: no row takes a term more than
  // it has alone.
  for (std::size_t p = 0; p < padded; p += panel_cols) {
    const auto values_stride = static_cast<std::ptrdiff_t>(padded);
    float_tile<Rows, tile_layout::rows, Arch>(scores, stride, memory.values + p, values_stride,
                                              first + 1, sums + p, values_stride, false);
    for (std::size_t r = 1; r < Rows && step != 0; ++r)
      float_tile<1, tile_layout::rows, Arch>(
          scores + static_cast<std::ptrdiff_t>(r) * stride + first + 1, 0,
          memory.values + (first + 1) * padded + p, values_stride, r * step, sums + r * padded + p,
          0, true);
  }
  using rows = arithmetic::rows<T, Arch>;
  using V = typename rows::lanes;
  for (std::size_t r = 0; r < Rows; ++r)
    rows::map(
        width, out.row(row + r), [&](V s) { return arithmetic::divide(s, V(totals[r])); },
        static_cast<const T*>(sums + r * padded));
}

}  // namespace detail

/// Where the queries of a call stand: a head's at one position after the other, or those of several heads at one position.
enum class query_positions { consecutive, equal };

/// Attention of queries of a document to the positions up to their own: first, first + 1, ..., or all at first.
///
///   s_j = scale * (fma chain over d of q_d k_jd),  m = max_j s_j,  p_j = exp(s_j - m)
///   out_d = (fma chain over ascending j of p_j v_jd) / sum_j p_j,   j = 0 .. position
///
/// The sum of p runs over 64 lanes, position j in lane j mod 64. A query gives the same bits whether it is computed alone
/// or with others.
///
/// Shapes    q, out (R, D) with contiguous rows, not overlapping; memory of all positions up to the last query's, n of them,
///           keys in whole panels (what lies behind is read and not used); scratch attention_scratch(n, D).
/// Valid     all floats; NaN where a score is NaN or all are -infinity.
/// Error     that of the chains and of core::exp.
/// Cost      2 R D n multiply-adds; no allocation.
/// Source    Vaswani et al. 2017 (arXiv 1706.03762), eq. (1); architecture.md, section 4.
template <class T, class Arch = core::default_arch>
void attend(const matrix_view<const T>& q, std::size_t first, const attention_memory<T>& memory,
            T scale, const std::type_identity_t<matrix_view<T>>& out, T* scratch,
            query_positions positions = query_positions::consecutive) {
  const std::size_t step = positions == query_positions::consecutive ? 1 : 0;
  detail::for_each_tile<Arch>(q.rows, [&](std::size_t r, auto height) {
    detail::attend_tile<height.value, T, Arch>(q, first + r * step, step, memory, scale, out, r,
                                               scratch);
  });
}

}  // namespace qat
