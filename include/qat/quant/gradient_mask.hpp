#pragma once

#include <qat/core/float_environment.hpp>
#include <qat/quant/detail/walk.hpp>

#include <span>

/// \file
/// One bit an element: whether the gradient of the quantized value reaches it. A forward pass that stores the mask
/// spares the backward pass the input.

namespace qat {

/// Words of the mask of one row: bit c % 64 of word c / 64 is column c. A row starts on a word; unused bits are 0.
[[nodiscard]] constexpr std::size_t mask_words_per_row(std::size_t cols) {
  return cols / 64 + (cols % 64 != 0 ? 1 : 0);
}

/// Words of the mask of a matrix: rows * mask_words_per_row(cols).
[[nodiscard]] constexpr std::size_t mask_words(std::size_t rows, std::size_t cols) {
  return rows * mask_words_per_row(cols);
}

namespace detail {

inline void check_mask_size(std::size_t words, std::size_t rows, std::size_t cols) {
  QAT_EXPECTS(words == mask_words(rows, cols), std::to_string(words) + " words where " +
                                                   std::to_string(mask_words(rows, cols)) +
                                                   " are needed");
}

/// Writes the bits of columns [begin, begin + count) of row r; the row's words are cleared with its first group.
template <quantizer_like Q, class Runs>
void write_mask(const matrix_view<const float>& x, std::size_t r, std::size_t begin,
                std::size_t count, const group_operands& g, std::span<std::uint64_t> mask) {
  const std::size_t words = mask_words_per_row(x.cols);
  std::uint64_t* const row = mask.data() + r * words;
  if (begin == 0) std::fill_n(row, words, std::uint64_t{0});
  read_pieces(x, r, begin, count, [&](const float* from, std::size_t offset, std::size_t n) {
    for (std::size_t i = 0; i < n;) {
      const std::size_t column = begin + offset + i;
      const std::size_t some = std::min(n - i, 64 - column % 64);
      row[column / 64] |= Runs::gradient_mask(from + i, some, g) << (column % 64);
      i += some;
    }
  });
}

}  // namespace detail

/// The mask of every element under given parameters.
///
///   bit = Gradient::passes(x, units, qmin - z, qmax - z),   units = x * (1 / s) as in quantize
///
/// Shapes    x (rows, cols); p as calibrate gives it; mask of mask_words(rows, cols) words.
/// Valid     as quantize. clipped_straight_through: the boundary passes, NaN does not.
/// Error     none: defined to the bit.
/// Throws    as quantize; ContractViolation if the mask has another size.
/// Cost      one read and one bit written an element; no allocation.
/// Backends  scalar (oracle), simd: bit-identical.
template <quantizer_like Q, execution E, readable_matrix<float> X, class P>
void gradient_mask(const E& e, const X& x, const P& p, std::span<std::uint64_t> mask) {
  core::check_float_environment("gradient_mask");
  const matrix_view<const float> view = as_view(x);
  const parameters_view<Q> params = detail::view_of<Q>(p);
  detail::check_parameters<Q>(params, view.rows, view.cols);
  detail::check_mask_size(mask.size(), view.rows, view.cols);
  const auto write = [&](std::size_t r, std::size_t at, std::size_t begin, std::size_t count) {
    const auto g = detail::operands_of<Q>(detail::read_parameters<Q>(params, at));
    detail::write_mask<Q, detail::runs_for<Q, E>>(view, r, begin, count, g, mask);
  };
  detail::for_all_groups<Q>(e, view.rows, view.cols, write);
}

template <quantizer_like Q, readable_matrix<float> X, class P, class Arch = core::default_arch>
void gradient_mask(const X& x, const P& p, std::span<std::uint64_t> mask) {
  gradient_mask<Q>(simd<Arch>{}, x, p, mask);
}

}  // namespace qat
