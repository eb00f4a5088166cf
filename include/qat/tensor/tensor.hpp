#pragma once

#include <qat/tensor/aligned_buffer.hpp>
#include <qat/tensor/tensor_view.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

/// \file
/// A tensor that owns its memory.

namespace qat {

/// Elements of a Shape in row-major order without gaps, from a cache line on. Copies are deep.
///
/// An Eigen map of it: Eigen::Map<...RowMajor>(t.data(), t.rows(), t.cols()); of an Eigen matrix: as_view(matrix).
template <class T>
class Tensor {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  /// No elements.
  Tensor() : Tensor(Shape{0}) {}

  /// All zero.
  explicit Tensor(const Shape& shape)
      : shape_(shape), memory_(make_aligned_buffer(shape.size() * sizeof(T))) {
    std::fill_n(data(), size(), T{});
  }

  /// A copy of any matrix of T, in shape {rows, cols}.
  template <readable_matrix<T> M>
  static Tensor copy_of(const M& source) {
    const matrix_view<const T> view = as_view(source);
    Tensor copy(Shape{view.rows, view.cols});
    for (std::size_t r = 0; r < view.rows; ++r)
      for (std::size_t c = 0; c < view.cols; ++c) copy.row(r)[c] = view(r, c);
    return copy;
  }

  Tensor(const Tensor& other) : Tensor(other.shape_) { std::copy_n(other.data(), size(), data()); }
  Tensor(Tensor&& other) noexcept
      : shape_(std::exchange(other.shape_, empty())), memory_(std::move(other.memory_)) {}
  Tensor& operator=(Tensor other) noexcept {
    std::swap(shape_, other.shape_);
    std::swap(memory_, other.memory_);
    return *this;
  }
  ~Tensor() = default;

  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] std::size_t size() const { return shape_.size(); }
  [[nodiscard]] std::size_t rows() const { return shape_.rows(); }
  [[nodiscard]] std::size_t cols() const { return shape_.cols(); }

  [[nodiscard]] T* data() { return reinterpret_cast<T*>(memory_.get()); }
  [[nodiscard]] const T* data() const { return reinterpret_cast<const T*>(memory_.get()); }
  [[nodiscard]] T* row(std::size_t r) { return data() + r * cols(); }
  [[nodiscard]] const T* row(std::size_t r) const { return data() + r * cols(); }
  [[nodiscard]] std::span<T> elements() { return {data(), size()}; }
  [[nodiscard]] std::span<const T> elements() const { return {data(), size()}; }

  [[nodiscard]] TensorView<T> view() { return {data(), shape_}; }
  [[nodiscard]] TensorView<const T> view() const { return {data(), shape_}; }

 private:
  static const Shape& empty() {
    static const Shape none{0};
    return none;
  }

  Shape shape_;
  AlignedBuffer memory_;
};

}  // namespace qat
