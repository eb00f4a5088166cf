#pragma once

#include <qat/core/contracts.hpp>

#include <concepts>
#include <cstddef>
#include <string>
#include <type_traits>

/// \file
/// How buffers of other people enter the library: a view, and a concept that Eigen's matrices, maps and blocks model
/// without being included.

namespace qat {

/// A borrowed matrix (rows, cols): element (r, c) lies at data + r * row_stride + c * col_stride.
///
/// Strides are counted in elements and may be negative. The view owns nothing.
template <class T>
struct matrix_view {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t col_stride = 1;

  constexpr matrix_view() = default;

  /// Contiguous rows: row_stride = cols, col_stride = 1.
  constexpr matrix_view(T* data_, std::size_t rows_, std::size_t cols_)
      : data(data_), rows(rows_), cols(cols_), row_stride(static_cast<std::ptrdiff_t>(cols_)) {}

  constexpr matrix_view(T* data_, std::size_t rows_, std::size_t cols_, std::ptrdiff_t row_stride_,
                        std::ptrdiff_t col_stride_)
      : data(data_), rows(rows_), cols(cols_), row_stride(row_stride_), col_stride(col_stride_) {}

  /// A writable view is a readable one.
  constexpr operator matrix_view<const T>() const requires(!std::is_const_v<T>) {
    return {data, rows, cols, row_stride, col_stride};
  }

  [[nodiscard]] constexpr std::size_t size() const { return rows * cols; }

  [[nodiscard]] constexpr T* row(std::size_t r) const {
    return data + static_cast<std::ptrdiff_t>(r) * row_stride;
  }

  [[nodiscard]] constexpr T& operator()(std::size_t r, std::size_t c) const {
    return row(r)[static_cast<std::ptrdiff_t>(c) * col_stride];
  }
};

namespace detail {

template <class M>
inline constexpr bool is_matrix_view = false;
template <class T>
inline constexpr bool is_matrix_view<matrix_view<T>> = true;

}  // namespace detail

/// Eigen's dense types with direct access (Matrix, Array, Map, Ref, Block of either storage order), or anything alike.
template <class M>
concept strided_matrix = requires(M& m) {
  { m.data() } -> std::convertible_to<const void*>;
  { m.rows() } -> std::convertible_to<std::ptrdiff_t>;
  { m.cols() } -> std::convertible_to<std::ptrdiff_t>;
  { m.rowStride() } -> std::convertible_to<std::ptrdiff_t>;
  { m.colStride() } -> std::convertible_to<std::ptrdiff_t>;
};

/// A contiguous range (std::vector, std::span, std::array): one row of size() elements.
template <class M>
concept contiguous_row = !strided_matrix<M> && requires(M & m) {
  { m.data() } -> std::convertible_to<const void*>;
  { m.size() } -> std::convertible_to<std::size_t>;
};

/// What public functions accept as a matrix.
template <class M>
concept matrix_like = detail::is_matrix_view<std::remove_cvref_t<M>> ||
    strided_matrix<std::remove_reference_t<M>> || contiguous_row<std::remove_reference_t<M>>;

/// The view of any matrix_like; a range is one row.
///
/// Cost  nothing is copied; the view is valid as long as the matrix is.
template <matrix_like M>
[[nodiscard]] constexpr auto as_view(M&& m) {
  using Matrix = std::remove_cvref_t<M>;
  if constexpr (detail::is_matrix_view<Matrix>) {
    return m;
  } else {
    using T = std::remove_pointer_t<decltype(m.data())>;
    if constexpr (strided_matrix<std::remove_reference_t<M>>) {
      return matrix_view<T>{
          m.data(), static_cast<std::size_t>(m.rows()), static_cast<std::size_t>(m.cols()),
          static_cast<std::ptrdiff_t>(m.rowStride()), static_cast<std::ptrdiff_t>(m.colStride())};
    } else {
      return matrix_view<T>{m.data(), 1, static_cast<std::size_t>(m.size())};
    }
  }
}

/// The element type that as_view gives, const where the matrix cannot be written.
template <matrix_like M>
using element_of = std::remove_pointer_t<decltype(as_view(std::declval<M>()).data)>;

/// A matrix of T that can be read.
template <class M, class T>
concept readable_matrix = matrix_like<M> && std::same_as<std::remove_const_t<element_of<M>>, T>;

/// A matrix of T that can be written.
template <class M, class T>
concept writable_matrix = matrix_like<M> && std::same_as<element_of<M>, T>;

namespace detail {

/// "2x3", for messages.
template <class T>
[[nodiscard]] std::string shape_of(const matrix_view<T>& m) {
  return std::to_string(m.rows) + "x" + std::to_string(m.cols);
}

}  // namespace detail
}  // namespace qat
