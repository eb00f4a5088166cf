#pragma once

#include <qat/quant/detail/walk.hpp>

/// \file
/// How the functions over matrices walk where columns, not rows, lie contiguous (Eigen's default order): strips of 64
/// rows, transposed block by block through the stack, so that each line of memory is used whole while it is in the cache.

namespace qat::detail {

inline constexpr std::size_t strip_rows = 64;
inline constexpr std::size_t strip_cols = 32;

template <class T>
[[nodiscard]] constexpr bool columns_are_contiguous(const matrix_view<T>& m) {
  return m.row_stride == 1 && m.col_stride != 1 && m.rows > 1 && m.cols > 1;
}

/// A block of at most strip_rows x strip_cols elements, its rows contiguous.
template <class T>
struct strip_block {
  T element[strip_rows][strip_cols];

  /// Along the columns of `m`, whose neighbours share lines.
  void load(const matrix_view<const T>& m, std::size_t row, std::size_t rows, std::size_t col,
            std::size_t cols) {
    for (std::size_t c = 0; c < cols; ++c)
      for (std::size_t r = 0; r < rows; ++r) element[r][c] = m(row + r, col + c);
  }
  void store(const matrix_view<T>& m, std::size_t row, std::size_t rows, std::size_t col,
             std::size_t cols) const {
    for (std::size_t c = 0; c < cols; ++c)
      for (std::size_t r = 0; r < rows; ++r) m(row + r, col + c) = element[r][c];
  }
};

/// f(row, rows) for each strip, several to a task.
template <execution E, class F>
void for_each_strip(const E& e, std::size_t rows, F&& f) {
  execution_traits<E>::run(e, rows, strip_rows,
                           [&](std::size_t first, std::size_t last) { f(first, last - first); });
}

/// Calibrates a matrix whose columns are contiguous; Q groups within rows.
template <quantizer_like Q, execution E>
void calibrate_strips(const E& e, const matrix_view<const float>& x,
                      const parameters_span<Q>& out) {
  using runs = runs_for<Q, E>;
  const std::size_t per_row = groups_per_row<Q>(x.cols);
  for_each_strip(e, x.rows, [&](std::size_t row, std::size_t rows) {
    [[maybe_unused]] strip_block<float> block;
    for_each_group<Q>(x.cols, [&](std::size_t group, std::size_t begin, std::size_t count) {
      running_statistics statistics[strip_rows];
      if constexpr (Q::range::statistic != range_statistic::none) {
        for (std::size_t done = 0; done < count; done += strip_cols) {
          const std::size_t n = std::min(strip_cols, count - done);
          block.load(x, row, rows, begin + done, n);
          for (std::size_t r = 0; r < rows; ++r) runs::measure(block.element[r], n, statistics[r]);
        }
      }
      for (std::size_t r = 0; r < rows; ++r)
        write_parameters<Q>(out, (row + r) * per_row + group, fresh_parameters<Q>(statistics[r]));
    });
  });
}

/// run(from, to, n, operands, index) over a matrix of which one side at least has contiguous columns.
template <quantizer_like Q, execution E, class T, class U, class Run>
void map_strips(const E& e, const matrix_view<const T>& in, const matrix_view<U>& out,
                const parameters_view<Q>& p, Run&& run) {
  const std::size_t per_row = groups_per_row<Q>(in.cols);
  for_each_strip(e, in.rows, [&](std::size_t row, std::size_t rows) {
    strip_block<T> from;
    strip_block<U> to;
    for_each_group<Q>(in.cols, [&](std::size_t group, std::size_t begin, std::size_t count) {
      group_operands operands[strip_rows];
      for (std::size_t r = 0; r < rows; ++r)
        operands[r] = operands_of<Q>(
            read_parameters<Q>(p, Q::granularity::whole_tensor ? 0 : (row + r) * per_row + group));
      for (std::size_t done = 0; done < count; done += strip_cols) {
        const std::size_t n = std::min(strip_cols, count - done);
        const std::size_t col = begin + done;
        from.load(in, row, rows, col, n);
        for (std::size_t r = 0; r < rows; ++r)
          run(static_cast<const T*>(from.element[r]), to.element[r], n, operands[r],
              std::uint64_t{row + r} * in.cols + col);
        to.store(out, row, rows, col, n);
      }
    });
  });
}

/// run(from, to, n, operands, index) over every group under given parameters, in the order that suits the storage.
template <quantizer_like Q, execution E, class T, class U, class Run>
void map_groups(const E& e, const matrix_view<const T>& in, const matrix_view<U>& out,
                const parameters_view<Q>& p, Run&& run) {
  if (columns_are_contiguous(in) || columns_are_contiguous(out))
    return map_strips<Q>(e, in, out, p, run);
  const auto encode = [&](std::size_t r, std::size_t at, std::size_t begin, std::size_t count) {
    const group_operands g = operands_of<Q>(read_parameters<Q>(p, at));
    const std::uint64_t index = std::uint64_t{r} * in.cols + begin;
    map_pieces(in, out, r, begin, count,
               [&](const T* from, U* to, std::size_t offset, std::size_t n) {
                 run(from, to, n, g, index + offset);
               });
  };
  for_all_groups<Q>(e, in.rows, in.cols, encode);
}

}  // namespace qat::detail
