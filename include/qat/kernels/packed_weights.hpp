#pragma once

#include <qat/core/contracts.hpp>
#include <qat/core/matrix_view.hpp>
#include <qat/kernels/detail/product_layout.hpp>
#include <qat/quant/parameters.hpp>
#include <qat/quant/quantizer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

/// \file
/// Weight codes in the order in which the products of codes read them.

namespace qat {

/// Activation codes that a product accepts: signed, no zero point.
template <class Q>
concept product_activation = quantizer_like<Q> && !Q::has_zero_point && (Q::qmin < 0);

/// Weight codes that a product accepts: signed, no zero point, and a width that divides a byte into whole fields.
template <class Q>
concept product_weight = product_activation<Q> &&
    (Q::bit_width == 8 || Q::bit_width == 4 || Q::bit_width == 2);

/// Weight codes (N, K) of quantizer W with their scales, prepared once for many products. Owns its memory; copies are deep.
///
/// Layout  One for all paths. Rows n are taken in blocks of 16 (the last one padded); a block is a sequence of 64-byte
///         pieces; a piece holds the next 4 (W8), 8 (W4) or 16 (W2) codes along K of its 16 rows. Byte 4 i + j of a piece
///         belongs to row i of the block; its field f, bits [f b, (f + 1) b), is code k = 4 f + j of the piece, stored
///         unsigned as code + 2^(b-1). So W4 has k 0..3 in the low nibbles and k 4..7 in the high ones.
///         A group of scales begins on a piece of its own; padding (behind K, behind a group, behind N) is code 0.
///         Blocks follow each other without gaps. Scales are fp32 in order (block, group, row of the block), 0 behind N.
///         Both arrays are 64-byte aligned, 2 MiB aligned from 2 MiB on.
/// Size    piece_bytes * blocks * pieces + 64 * blocks * groups bytes.
template <product_weight W>
class PackedWeights {
 public:
  using quantizer = W;
  static constexpr int bits = W::bit_width;
  /// One scale a row, or one a group of it, whether or not a row has several.
  static constexpr detail::scale_mode mode = W::granularity::group_size(0) == 0
                                                 ? detail::scale_mode::per_channel
                                                 : detail::scale_mode::per_group;

  /// No rows, no columns.
  PackedWeights() = default;

  /// Packs codes that quantize<W> made.
  ///
  ///   field(n, k) = codes(n, k) + 2^(b-1)
  ///
  /// Shapes  codes (N, K); scales parameter_count<W>(N, K), in the order of parameters<W>: (N) per channel or token,
  ///         (N, ceil(K / G)) per group, one scale for per_tensor.
  /// Valid   scales of any value, NaN included (then the outputs that use them are NaN).
  /// Throws  ContractViolation if the number of scales disagrees or a code lies outside W's.
  /// Cost    one read of the codes, one write of the layout; allocates both arrays.
  template <readable_matrix<std::int8_t> Codes>
  PackedWeights(const Codes& codes, std::span<const float> scales)
      : PackedWeights(as_view(codes).rows, as_view(codes).cols, scales) {
    const matrix_view<const std::int8_t> view = as_view(codes);
    if (view.col_stride == 1)
      fill_from_rows(view);
    else
      fill([&](std::size_t n, std::size_t k) { return field_of(view(n, k)); });
    int lowest = 0;
    int highest = 0;
    for (std::size_t n = 0; n < view.rows; ++n)
      for (std::size_t k = 0; k < view.cols; ++k) {
        const int code = view(n, k);
        lowest = std::min(lowest, code);
        highest = std::max(highest, code);
      }
    check_range(lowest, highest);
  }

  /// Packs rows in the shipping layout of `pack<W>`: each row starts on a byte; field j is at bits [j b, (j + 1) b) of the
  /// row's little-endian bit stream and holds code + 2^(b-1).
  ///
  /// Shapes  bytes (N, ceil(K b / 8)); scales as above.
  /// Throws  ContractViolation if the number of bytes or scales disagrees or a code lies outside W's.
  /// Cost    as above.
  [[nodiscard]] static PackedWeights from_packed_rows(std::span<const std::uint8_t> bytes,
                                                      std::size_t rows, std::size_t depth,
                                                      std::span<const float> scales) {
    constexpr std::size_t fields = 8 / static_cast<std::size_t>(bits);
    const std::size_t row_bytes = detail::ceil_divide(depth, fields);
    QAT_EXPECTS(bytes.size() == rows * row_bytes, std::to_string(bytes.size()) + " bytes where " +
                                                      std::to_string(rows) + " rows of " +
                                                      std::to_string(row_bytes) + " are needed");
    PackedWeights packed(rows, depth, scales);
    int lowest = 0;
    int highest = 0;
    packed.fill([&](std::size_t n, std::size_t k) {
      const unsigned byte = bytes[n * row_bytes + k / fields];
      const unsigned field = (byte >> (k % fields * static_cast<std::size_t>(bits))) & field_mask;
      const int code = static_cast<int>(field) - detail::field_offset<bits>;
      lowest = std::min(lowest, code);
      highest = std::max(highest, code);
      return field;
    });
    check_range(lowest, highest);
    return packed;
  }

  /// N, the columns of the product.
  [[nodiscard]] std::size_t rows() const { return rows_; }
  /// K, the terms of each sum.
  [[nodiscard]] std::size_t cols() const { return shape_.depth; }
  /// The row's division into groups and pieces.
  [[nodiscard]] const detail::piece_shape& shape() const { return shape_; }
  /// Pieces in order (block, piece).
  [[nodiscard]] std::span<const std::uint8_t> pieces() const { return pieces_; }
  /// Scales in order (block, group, row of the block).
  [[nodiscard]] std::span<const float> scales() const { return scales_; }

  /// The code of row n at k, decoded.
  [[nodiscard]] int code(std::size_t n, std::size_t k) const {
    const std::size_t field = piece_field(k);
    const std::size_t at = block_offset(n) + piece_of(k) * detail::piece_bytes +
                           detail::piece_byte(n % detail::block_columns, field);
    return static_cast<int>(
               (static_cast<unsigned>(pieces_[at]) >> detail::piece_shift<bits>(field)) &
               field_mask) -
           detail::field_offset<bits>;
  }

 private:
  static constexpr unsigned field_mask = (1u << bits) - 1u;

  static constexpr unsigned field_of(int code) {
    return static_cast<unsigned>(code + detail::field_offset<bits>) & field_mask;
  }

  static void check_range(int lowest, int highest) {
    QAT_EXPECTS(lowest >= W::qmin && highest <= W::qmax,
                "codes " + std::to_string(lowest) + ".." + std::to_string(highest) +
                    " where the quantizer has " + std::to_string(W::qmin) + ".." +
                    std::to_string(W::qmax));
  }

  PackedWeights(std::size_t rows, std::size_t depth, std::span<const float> scales)
      : rows_(rows), shape_(detail::piece_shape::of<bits>(depth, group_depth(depth))) {
    detail::check_parameter_shape<W>(parameters_view<W>{scales, {}}, rows, depth);
    const std::size_t blocks = detail::ceil_divide(rows, detail::block_columns);
    const std::size_t block_bytes = shape_.pieces * detail::piece_bytes;
    QAT_EXPECTS(block_bytes == 0 || blocks <= std::numeric_limits<std::size_t>::max() / block_bytes,
                std::to_string(rows) + " rows of " + std::to_string(depth) + " codes");
    scales_.assign(blocks * shape_.groups * detail::block_columns, 0.0f);
    for (std::size_t n = 0; n < rows; ++n)
      for (std::size_t g = 0; g < shape_.groups; ++g)
        scales_[(n / detail::block_columns * shape_.groups + g) * detail::block_columns +
                n % detail::block_columns] =
            scales[W::granularity::whole_tensor ? 0 : n * shape_.groups + g];
    pieces_.assign(blocks * block_bytes, detail::zero_byte<bits>);
  }

  static constexpr std::size_t group_depth(std::size_t depth) {
    return std::min(W::granularity::group_size(depth), depth);
  }

  /// Stores field(n, k) for every code.
  template <class F>
  void fill(F&& field) {
    for (std::size_t n = 0; n < rows_; ++n)
      for (std::size_t g = 0, k = 0; g < shape_.groups; ++g) {
        std::uint8_t* const pieces = group_pieces(n, g);
        for (std::size_t j = 0; j < shape_.length(g); ++j, ++k) store(pieces, n, j, field(n, k));
      }
  }

  /// The same from rows without gaps: a row's part of a piece is four bytes, made of four codes at a time.
  void fill_from_rows(const matrix_view<const std::int8_t>& codes) {
    constexpr std::size_t depth = detail::piece_depth<bits>;
    constexpr std::uint32_t all = 0x01010101u;
    for (std::size_t n = 0; n < rows_; ++n) {
      const std::int8_t* from = codes.row(n);
      for (std::size_t g = 0; g < shape_.groups; ++g) {
        std::uint8_t* const pieces = group_pieces(n, g);
        std::uint8_t* to = pieces + detail::piece_byte(n % detail::block_columns, 0);
        const std::size_t length = shape_.length(g);
        std::size_t j = 0;
        for (; j + depth <= length; j += depth, to += detail::piece_bytes) {
          std::uint32_t bytes = 0;
          for (std::size_t f = 0; f < depth; f += 4) {
            std::uint32_t four = 0;
            std::memcpy(&four, from + j + f, sizeof four);
            // The low bits of code + 2^(b-1) are those of the code with the highest of them flipped.
            four = (four & (all * field_mask)) ^ (all * unsigned{detail::field_offset<bits>});
            bytes |= four << detail::piece_shift<bits>(f);
          }
          std::memcpy(to, &bytes, sizeof bytes);
        }
        for (; j < length; ++j) store(pieces, n, j, field_of(from[j]));
        from += length;
      }
    }
  }

  /// Stores the field of code j of a group of row n.
  static void store(std::uint8_t* pieces, std::size_t n, std::size_t j, unsigned field) {
    const std::size_t at = j % detail::piece_depth<bits>;
    std::uint8_t& byte = pieces[j / detail::piece_depth<bits> * detail::piece_bytes +
                                detail::piece_byte(n % detail::block_columns, at)];
    const int shift = detail::piece_shift<bits>(at);
    byte = static_cast<std::uint8_t>((byte & ~(field_mask << shift)) | (field << shift));
  }

  [[nodiscard]] std::uint8_t* group_pieces(std::size_t n, std::size_t g) {
    return pieces_.data() + block_offset(n) + g * shape_.group_pieces * detail::piece_bytes;
  }
  [[nodiscard]] std::size_t block_offset(std::size_t n) const {
    return n / detail::block_columns * shape_.pieces * detail::piece_bytes;
  }
  [[nodiscard]] std::size_t piece_of(std::size_t k) const {
    return k / shape_.group_depth * shape_.group_pieces +
           k % shape_.group_depth / detail::piece_depth<bits>;
  }
  [[nodiscard]] std::size_t piece_field(std::size_t k) const {
    return k % shape_.group_depth % detail::piece_depth<bits>;
  }

  std::size_t rows_ = 0;
  detail::piece_shape shape_;
  std::vector<std::uint8_t, detail::aligned_allocator<std::uint8_t>> pieces_;
  std::vector<float, detail::aligned_allocator<float>> scales_;
};

}  // namespace qat
