#pragma once

#include <qat/core/matrix_view.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

/// \file
/// A matrix in a larger buffer whose other elements are guards: NaN for floats, so that reading one shows in the result;
/// a pattern whose change shows that one was written.

namespace qat::testing {

/// Where the elements lie: `misalignment` elements off a 64-byte border, `gap` elements between neighbours of a row,
/// `padding` elements between rows; or column by column.
struct placement {
  std::size_t misalignment = 0;
  std::size_t gap = 0;
  std::size_t padding = 0;
  bool by_columns = false;
};

template <class T>
class GuardedMatrix {
 public:
  GuardedMatrix(std::size_t rows, std::size_t cols, placement where = {})
      : rows_(rows), cols_(cols) {
    const std::size_t inner = where.by_columns ? rows : cols;
    const std::size_t outer = where.by_columns ? cols : rows;
    const std::size_t inner_stride = where.gap + 1;
    const std::size_t outer_stride = inner * inner_stride + where.padding;
    row_stride_ = static_cast<std::ptrdiff_t>(where.by_columns ? inner_stride : outer_stride);
    col_stride_ = static_cast<std::ptrdiff_t>(where.by_columns ? outer_stride : inner_stride);
    buffer_.resize(4 * border + outer * outer_stride);
    for (T& element : buffer_) element = guard();
    const auto address = reinterpret_cast<std::uintptr_t>(buffer_.data() + border);
    const std::size_t to_border = (64 - address % 64) % 64 / sizeof(T);
    first_ = border + to_border + where.misalignment;
  }

  [[nodiscard]] matrix_view<T> view() {
    return {buffer_.data() + first_, rows_, cols_, row_stride_, col_stride_};
  }
  [[nodiscard]] matrix_view<const T> view() const {
    return {buffer_.data() + first_, rows_, cols_, row_stride_, col_stride_};
  }

  /// No element outside the matrix has changed.
  [[nodiscard]] bool guards_are_intact() const {
    std::vector<bool> inside(buffer_.size(), false);
    for (std::size_t r = 0; r < rows_; ++r)
      for (std::size_t c = 0; c < cols_; ++c)
        inside[static_cast<std::size_t>(&view()(r, c) - buffer_.data())] = true;
    const T expected = guard();
    for (std::size_t i = 0; i < buffer_.size(); ++i)
      if (!inside[i] && std::memcmp(&buffer_[i], &expected, sizeof(T)) != 0) return false;
    return true;
  }

 private:
  static constexpr std::size_t border = 64;

  static T guard() {
    if constexpr (std::is_same_v<T, float>)
      return std::bit_cast<float>(0x7fc0deadu);
    else
      return static_cast<T>(0x5a);
  }

  std::size_t rows_;
  std::size_t cols_;
  std::ptrdiff_t row_stride_ = 0;
  std::ptrdiff_t col_stride_ = 0;
  std::size_t first_ = 0;
  std::vector<T> buffer_;
};

/// The matrix of f(r, c) at a place.
template <class T, class F>
[[nodiscard]] GuardedMatrix<T> guarded(std::size_t rows, std::size_t cols, placement where, F&& f) {
  GuardedMatrix<T> m(rows, cols, where);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c) m.view()(r, c) = f(r, c);
  return m;
}

}  // namespace qat::testing
