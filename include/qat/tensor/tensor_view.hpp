#pragma once

#include <qat/core/matrix_view.hpp>
#include <qat/tensor/shape.hpp>

#include <cstddef>
#include <string>
#include <type_traits>

/// \file
/// A borrowed tensor.

namespace qat {

/// Elements of a Shape in memory: columns are adjacent, rows row_stride elements apart. Owns nothing; a null pointer is
/// the view of a tensor that is only planned.
template <class T>
class TensorView {
 public:
  TensorView() = default;

  /// Rows without gaps.
  TensorView(T* data, const Shape& shape)
      : data_(data), shape_(shape), row_stride_(static_cast<std::ptrdiff_t>(shape.cols())) {}

  TensorView(T* data, const Shape& shape, std::ptrdiff_t row_stride)
      : data_(data), shape_(shape), row_stride_(row_stride) {}

  /// A writable view is a readable one.
  operator TensorView<const T>() const requires(!std::is_const_v<T>) {
    return {data_, shape_, row_stride_};
  }

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] std::size_t size() const { return shape_.size(); }
  [[nodiscard]] std::size_t rows() const { return shape_.rows(); }
  [[nodiscard]] std::size_t cols() const { return shape_.cols(); }
  [[nodiscard]] std::ptrdiff_t row_stride() const { return row_stride_; }
  [[nodiscard]] bool is_contiguous() const {
    return rows() <= 1 || row_stride_ == static_cast<std::ptrdiff_t>(cols());
  }

  /// The columns of row r of the matrix (rows, cols).
  [[nodiscard]] T* row(std::size_t r) const {
    return data_ + static_cast<std::ptrdiff_t>(r) * row_stride_;
  }

  /// The matrix (rows, cols) for the functions over matrices.
  [[nodiscard]] matrix_view<T> matrix() const { return {data_, rows(), cols(), row_stride_, 1}; }

  /// The transposed matrix (cols, rows).
  [[nodiscard]] matrix_view<T> transposed() const {
    return {data_, cols(), rows(), 1, row_stride_};
  }

  /// The same elements in another shape.
  ///
  /// Throws  ContractViolation unless the number of elements is the same and rows have no gaps.
  [[nodiscard]] TensorView reshaped(const Shape& shape) const {
    QAT_EXPECTS(shape.size() == size() && is_contiguous(),
                to_string(shape_) + " as " + to_string(shape) + " with rows " +
                    std::to_string(row_stride_) + " apart");
    return {data_, shape};
  }

  /// Rows [first, first + count) of the matrix, as a matrix.
  ///
  /// Throws  ContractViolation beyond the rows.
  [[nodiscard]] TensorView rows_from(std::size_t first, std::size_t count) const {
    QAT_EXPECTS(first <= rows() && count <= rows() - first, "rows " + std::to_string(first) +
                                                                " + " + std::to_string(count) +
                                                                " of " + to_string(shape_));
    return {data_ == nullptr ? nullptr : row(first), Shape{count, cols()}, row_stride_};
  }

  /// Columns [first, first + count) of the matrix, as a matrix.
  ///
  /// Throws  ContractViolation beyond the columns.
  [[nodiscard]] TensorView cols_from(std::size_t first, std::size_t count) const {
    QAT_EXPECTS(first <= cols() && count <= cols() - first, "columns " + std::to_string(first) +
                                                                " + " + std::to_string(count) +
                                                                " of " + to_string(shape_));
    return {data_ == nullptr ? nullptr : data_ + first, Shape{rows(), count}, row_stride_};
  }

 private:
  T* data_ = nullptr;
  Shape shape_{0};
  std::ptrdiff_t row_stride_ = 0;
};

}  // namespace qat
