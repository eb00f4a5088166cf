#pragma once

#include <qat/core/execution.hpp>
#include <qat/core/matrix_view.hpp>
#include <qat/quant/detail/simd_runs.hpp>
#include <qat/quant/parameters.hpp>

#include <algorithm>

/// \file
/// How the functions over matrices walk: blocks of rows, groups of a row, and pieces of a group that lie contiguous in
/// memory or are gathered into a small buffer on the stack.

namespace qat::detail {

/// Elements of a gathered piece: a multiple of 64, so that pieces of a row keep to the words of a mask.
inline constexpr std::size_t piece_elements = 512;

/// About this many elements make a block of rows for one task.
inline constexpr std::size_t block_elements = std::size_t{1} << 15;

[[nodiscard]] constexpr std::size_t rows_of_block(std::size_t cols) {
  return cols >= block_elements ? 1 : block_elements / (cols == 0 ? 1 : cols);
}

template <class T>
[[nodiscard]] constexpr bool rows_are_contiguous(const matrix_view<T>& m) {
  return m.col_stride == 1 || m.cols <= 1;
}

/// f(pointer, offset, count) for the elements [begin, begin + count) of row r, piece by piece, in order.
template <class T, class F>
void read_pieces(const matrix_view<const T>& m, std::size_t r, std::size_t begin, std::size_t count,
                 F&& f) {
  if (rows_are_contiguous(m)) return f(m.row(r) + begin, std::size_t{0}, count);
  T buffer[piece_elements];
  for (std::size_t done = 0; done < count; done += piece_elements) {
    const std::size_t n = std::min(piece_elements, count - done);
    for (std::size_t i = 0; i < n; ++i) buffer[i] = m(r, begin + done + i);
    f(static_cast<const T*>(buffer), done, n);
  }
}

/// f(from, to, offset, count) likewise: what f writes to `to` lands in row r of `out`. The two may be one matrix.
template <class T, class U, class F>
void map_pieces(const matrix_view<const T>& in, const matrix_view<U>& out, std::size_t r,
                std::size_t begin, std::size_t count, F&& f) {
  if (rows_are_contiguous(in) && rows_are_contiguous(out))
    return f(in.row(r) + begin, out.row(r) + begin, std::size_t{0}, count);
  U buffer[piece_elements];
  read_pieces(in, r, begin, count, [&](const T* from, std::size_t offset, std::size_t piece) {
    for (std::size_t done = 0; done < piece; done += piece_elements) {
      const std::size_t n = std::min(piece_elements, piece - done);
      f(from + done, buffer, offset + done, n);
      for (std::size_t i = 0; i < n; ++i) out(r, begin + offset + done + i) = buffer[i];
    }
  });
}

/// f(group, begin, count) for the groups of a row of `cols` elements; `group` counts within the row. A row is one
/// group for per_tensor.
template <quantizer_like Q, class F>
void for_each_group(std::size_t cols, F&& f) {
  const std::size_t size = Q::granularity::group_size(cols);
  std::size_t group = 0;
  for (std::size_t begin = 0; begin < cols; begin += size)
    f(group++, begin, std::min(size, cols - begin));
}

/// f(r, at, begin, count) for every group of every row, in fixed blocks of rows: elements [begin, begin + count) of row
/// r have their parameters at index `at`. after() ends each block.
template <quantizer_like Q, execution E, class F, class After>
void for_all_groups(const E& e, std::size_t rows, std::size_t cols, F&& f, After&& after) {
  const std::size_t per_row = groups_per_row<Q>(cols);
  const auto rows_of_groups = [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; r < last; ++r)
      for_each_group<Q>(cols, [&](std::size_t group, std::size_t begin, std::size_t count) {
        f(r, Q::granularity::whole_tensor ? 0 : r * per_row + group, begin, count);
      });
    after();
  };
  execution_traits<E>::run(e, rows, rows_of_block(cols), rows_of_groups);
}
template <quantizer_like Q, execution E, class F>
void for_all_groups(const E& e, std::size_t rows, std::size_t cols, F&& f) {
  for_all_groups<Q>(e, rows, cols, f, [] {});
}

/// values[index] of a span that has such an element, which g++'s analysis of null pointers cannot see.
template <class T>
[[nodiscard]] constexpr T& element_at(std::span<T> values, std::size_t index) {
  T* const first = values.data();
  if (first == nullptr) __builtin_unreachable();
  return first[index];
}

template <quantizer_like Q, class T>
[[nodiscard]] group_parameters read_parameters(const basic_parameters_view<Q, T>& p,
                                               std::size_t index) {
  if constexpr (Q::has_zero_point)
    return {element_at(p.scales, index), static_cast<float>(element_at(p.zero_points, index))};
  else
    return {element_at(p.scales, index), 0.0f};
}

template <quantizer_like Q>
void write_parameters(const parameters_span<Q>& p, std::size_t index,
                      const group_parameters& value) {
  element_at(p.scales, index) = value.scale;
  if constexpr (Q::has_zero_point)
    element_at(p.zero_points, index) =
        static_cast<typename Q::code_type>(static_cast<int>(value.zero_point));
}

/// The statistics of elements [begin, begin + count) of row r.
template <quantizer_like Q, class Runs>
[[nodiscard]] running_statistics measure_group(const matrix_view<const float>& x, std::size_t r,
                                               std::size_t begin, std::size_t count) {
  running_statistics s;
  if constexpr (Q::range::statistic != range_statistic::none)
    read_pieces(x, r, begin, count,
                [&](const float* from, std::size_t, std::size_t n) { Runs::measure(from, n, s); });
  return s;
}

template <quantizer_like Q>
[[nodiscard]] group_parameters fresh_parameters(const running_statistics& s) {
  return parameters_of<Q>(s.result(), s.finite());
}

/// The parameters of the whole matrix as one group.
template <quantizer_like Q, class Runs, execution E>
[[nodiscard]] group_parameters measure_tensor(const E& e, const matrix_view<const float>& matrix) {
  // Its elements are measured in any order: along the contiguous direction.
  const bool transpose = !rows_are_contiguous(matrix) && matrix.row_stride == 1;
  const matrix_view<const float> x =
      transpose ? matrix_view<const float>{matrix.data, matrix.cols, matrix.rows, matrix.col_stride,
                                           matrix.row_stride}
                : matrix;
  // At most 64 blocks, each with a place of its own; joining them is independent of order.
  running_statistics partial[64];
  const std::size_t block = std::max(rows_of_block(x.cols), x.rows / 64 + 1);
  execution_traits<E>::run(e, x.rows, block, [&](std::size_t first, std::size_t last) {
    running_statistics& mine = partial[first / block];
    for (std::size_t r = first; r < last; ++r) mine.join(measure_group<Q, Runs>(x, r, 0, x.cols));
  });
  for (std::size_t i = 1; i < 64; ++i) partial[0].join(partial[i]);
  return fresh_parameters<Q>(partial[0]);
}

/// The parameters of one group on the way to its codes: measured and written, or for per_tensor read back.
template <quantizer_like Q, class Runs>
[[nodiscard]] group_parameters measure_and_write(const matrix_view<const float>& x, std::size_t r,
                                                 std::size_t begin, std::size_t count,
                                                 const parameters_span<Q>& p, std::size_t at) {
  if constexpr (!Q::granularity::whole_tensor)
    write_parameters<Q>(p, at, fresh_parameters<Q>(measure_group<Q, Runs>(x, r, begin, count)));
  return read_parameters<Q>(p, at);
}

/// Whether the elements of the group are known to be finite and within its range.
template <quantizer_like Q>
[[nodiscard]] constexpr bool is_fresh(const group_parameters& measured) {
  return Q::range::statistic != range_statistic::none && !is_nan(measured.scale);
}

template <class T, class U>
void check_same_shape(const matrix_view<T>& x, const matrix_view<U>& out) {
  QAT_EXPECTS(x.rows == out.rows && x.cols == out.cols,
              "shapes " + shape_of(x) + " and " + shape_of(out));
}

template <quantizer_like Q, execution E>
using runs_for = typename runs_of<Q, typename execution_traits<E>::backend_type>::type;

}  // namespace qat::detail
