#pragma once

#include <qat/core/contracts.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

/// \file
/// The extents of a tensor.

namespace qat {

/// Up to four extents, outermost first. A matrix is the last of them as columns and the product of the others as rows.
class Shape {
 public:
  static constexpr std::size_t max_rank = 4;

  /// A scalar: rank 0, size 1.
  constexpr Shape() = default;

  /// Throws  ContractViolation beyond four extents or if their product does not fit std::size_t.
  Shape(std::initializer_list<std::size_t> extents) : rank_(extents.size()) {
    QAT_EXPECTS(extents.size() <= max_rank, std::to_string(extents.size()) + " extents");
    std::size_t i = 0;
    std::size_t product = 1;
    for (const std::size_t extent : extents) {
      QAT_EXPECTS(extent == 0 || product <= std::numeric_limits<std::size_t>::max() / extent,
                  std::to_string(product) + " times " + std::to_string(extent));
      product *= extent;
      extents_[i++] = extent;
    }
  }

  [[nodiscard]] constexpr std::size_t rank() const { return rank_; }
  [[nodiscard]] constexpr std::size_t operator[](std::size_t i) const { return extents_[i]; }

  /// The product of the extents.
  [[nodiscard]] constexpr std::size_t size() const {
    std::size_t product = 1;
    for (std::size_t i = 0; i < rank_; ++i) product *= extents_[i];
    return product;
  }
  /// The last extent, 1 for a scalar.
  [[nodiscard]] constexpr std::size_t cols() const { return rank_ == 0 ? 1 : extents_[rank_ - 1]; }
  /// The product of all extents but the last.
  [[nodiscard]] constexpr std::size_t rows() const {
    std::size_t product = 1;
    for (std::size_t i = 0; i + 1 < rank_; ++i) product *= extents_[i];
    return product;
  }

  /// All of them, as files have them.
  [[nodiscard]] std::vector<std::uint64_t> extents() const {
    return {extents_.begin(), extents_.begin() + static_cast<std::ptrdiff_t>(rank_)};
  }

  friend constexpr bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<std::size_t, max_rank> extents_{};
  std::size_t rank_ = 0;
};

/// "2x3x4"; "scalar" for rank 0.
[[nodiscard]] inline std::string to_string(const Shape& shape) {
  if (shape.rank() == 0) return "scalar";
  std::string text;
  for (std::size_t i = 0; i < shape.rank(); ++i) {
    if (i != 0) text += 'x';
    text += std::to_string(shape[i]);
  }
  return text;
}

}  // namespace qat
